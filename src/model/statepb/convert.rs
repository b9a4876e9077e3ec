//! Between the protobuf of silences and log entries and the values that the engine works with.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use prost::Message as _;
use smol_str::SmolStr;

use super::nflogpb::{DataValue, Entry, MeshEntry, Receiver, ReceiverDataValue};
use super::silencepb::{self, MatcherSet, MatcherType, MeshSilence};
use super::{EntriesError, WireTime, time_or_epoch};
use crate::model::{
    IntegrationId, LogEntry, LogKey, MatchType, ReceiverData, ReceiverValue, Silence, SilenceMatcher,
    Timestamp,
};

/// Why an entry says nothing that we can use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// Bytes that are not the message.
    #[error("not a valid message: {0}")]
    Protobuf(String),
    /// A part without which it means nothing.
    #[error("invalid state: the {0} is missing")]
    Missing(&'static str),
    /// A matcher of a type that nobody knows.
    #[error("silence {id:?}: unknown matcher type {number}")]
    MatcherType {
        /// The silence.
        id: String,
        /// The type's number.
        number: i32,
    },
    /// A group key that is not UTF-8.
    #[error("a group key is not valid UTF-8")]
    GroupKey,
    /// A time that is none.
    #[error(transparent)]
    Entries(#[from] EntriesError),
}

/// Reads a `MeshSilence`: the silence, and until when it is kept. Its bytes are kept with it if they hold what we do
/// not know.
pub fn decode_silence(bytes: &Bytes) -> Result<(Silence, Timestamp), StateError> {
    let mesh = MeshSilence::decode(bytes.clone()).map_err(|error| StateError::Protobuf(error.to_string()))?;
    let known = mesh.encoded_len();
    let expires_at = time_or_epoch(mesh.expires_at)?;
    let pb = mesh.silence.ok_or(StateError::Missing("silence"))?.upgraded();
    let carried = !pb.receiver_matcher_sets.is_empty();
    let mut matcher_sets = Vec::with_capacity(pb.matcher_sets.len());
    for set in &pb.matcher_sets {
        let matchers = set.matchers.iter().map(|matcher| matcher_of(&pb.id, matcher));
        matcher_sets.push(matchers.collect::<Result<Vec<_>, _>>()?);
    }
    let silence = Silence {
        matcher_sets,
        starts_at: time_or_epoch(pb.starts_at)?,
        ends_at: time_or_epoch(pb.ends_at)?,
        updated_at: time_or_epoch(pb.updated_at)?,
        id: SmolStr::new(pb.id),
        created_by: pb.created_by,
        comment: pb.comment,
        annotations: pb.annotations,
        wire: (known < bytes.len() || carried).then(|| bytes.clone()),
    };
    Ok((silence, expires_at))
}

/// Writes a `MeshSilence`: the bytes in which it came, if they hold more than we know.
#[must_use]
pub fn encode_silence(silence: &Silence, expires_at: Timestamp) -> Bytes {
    if let Some(wire) = &silence.wire {
        return wire.clone();
    }
    let matcher_sets = silence.matcher_sets.iter().map(|set| MatcherSet {
        matchers: set
            .iter()
            .map(|matcher| silencepb::Matcher {
                r#type: type_of(matcher.kind).into(),
                name: matcher.name.to_string(),
                pattern: matcher.value.to_string(),
            })
            .collect(),
    });
    let pb = silencepb::Silence {
        id: silence.id.to_string(),
        starts_at: Some(silence.starts_at.into()),
        ends_at: Some(silence.ends_at.into()),
        updated_at: Some(silence.updated_at.into()),
        created_by: silence.created_by.clone(),
        comment: silence.comment.clone(),
        annotations: silence.annotations.clone(),
        matcher_sets: matcher_sets.collect(),
        ..silencepb::Silence::default()
    };
    let mesh = MeshSilence { silence: Some(pb.for_the_wire()), expires_at: Some(WireTime::from(expires_at)) };
    mesh.encode_to_vec().into()
}

/// Reads a `MeshEntry`: whom it is about, and what it was told. `from_peer` says who told it.
pub fn decode_log_entry(bytes: &Bytes, from_peer: bool) -> Result<(LogKey, LogEntry), StateError> {
    let mesh = MeshEntry::decode(bytes.clone()).map_err(|error| StateError::Protobuf(error.to_string()))?;
    let pb = mesh.entry.ok_or(StateError::Missing("entry"))?;
    let receiver = pb.receiver.ok_or(StateError::Missing("receiver"))?;
    let group_key = String::from_utf8(pb.group_key).map_err(|_bytes| StateError::GroupKey)?;
    let key = LogKey {
        group_key: group_key.into(),
        integration: IntegrationId {
            receiver: receiver.group_name.into(),
            kind: receiver.integration.into(),
            index: receiver.idx,
        },
    };
    let data: ReceiverData =
        pb.receiver_data.into_iter().filter_map(|(name, value)| Some((name, value_of(value)?))).collect();
    let entry = LogEntry {
        timestamp: time_or_epoch(pb.timestamp)?,
        expires_at: time_or_epoch(mesh.expires_at)?,
        firing: pb.firing_alerts.into(),
        resolved: pb.resolved_alerts.into(),
        receiver_data: (!data.is_empty()).then(|| Arc::new(data)),
        from_peer,
    };
    Ok((key, entry))
}

/// Writes a `MeshEntry`.
#[must_use]
pub fn encode_log_entry(key: &LogKey, entry: &LogEntry) -> Bytes {
    let data = entry.receiver_data.iter().flat_map(|data| data.iter());
    let receiver_data: BTreeMap<String, ReceiverDataValue> = data
        .map(|(name, value)| {
            let value = match value {
                ReceiverValue::Text(text) => DataValue::StrVal(text.clone()),
                ReceiverValue::Integer(number) => DataValue::IntVal(*number),
                ReceiverValue::Float(number) => DataValue::DoubleVal(*number),
            };
            (name.clone(), ReceiverDataValue { value: Some(value) })
        })
        .collect();
    let pb = Entry {
        group_key: key.group_key.as_bytes().to_vec(),
        receiver: Some(Receiver {
            group_name: key.integration.receiver.to_string(),
            integration: key.integration.kind.to_string(),
            idx: key.integration.index,
        }),
        timestamp: Some(entry.timestamp.into()),
        firing_alerts: entry.firing.to_vec(),
        resolved_alerts: entry.resolved.to_vec(),
        receiver_data,
        ..Entry::default()
    };
    MeshEntry { entry: Some(pb), expires_at: Some(entry.expires_at.into()) }.encode_to_vec().into()
}

fn matcher_of(id: &str, matcher: &silencepb::Matcher) -> Result<SilenceMatcher, StateError> {
    let kind = match MatcherType::try_from(matcher.r#type) {
        Ok(MatcherType::Equal) => MatchType::Equal,
        Ok(MatcherType::NotEqual) => MatchType::NotEqual,
        Ok(MatcherType::Regexp) => MatchType::Regex,
        Ok(MatcherType::NotRegexp) => MatchType::NotRegex,
        Err(_unknown) => {
            return Err(StateError::MatcherType { id: id.to_owned(), number: matcher.r#type });
        }
    };
    Ok(SilenceMatcher { kind, name: SmolStr::new(&matcher.name), value: SmolStr::new(&matcher.pattern) })
}

fn type_of(kind: MatchType) -> MatcherType {
    match kind {
        MatchType::Equal => MatcherType::Equal,
        MatchType::NotEqual => MatcherType::NotEqual,
        MatchType::Regex => MatcherType::Regexp,
        MatchType::NotRegex => MatcherType::NotRegexp,
    }
}

fn value_of(value: ReceiverDataValue) -> Option<ReceiverValue> {
    Some(match value.value? {
        DataValue::StrVal(text) => ReceiverValue::Text(text),
        DataValue::IntVal(number) => ReceiverValue::Integer(number),
        DataValue::DoubleVal(number) => ReceiverValue::Float(number),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix(1_795_251_708 + seconds, 205_581_626)
    }

    #[test]
    fn a_silence_survives_with_what_later_versions_add() {
        let matcher = |kind, name: &str, value: &str| SilenceMatcher {
            kind,
            name: SmolStr::new(name),
            value: SmolStr::new(value),
        };
        let silence = Silence {
            id: SmolStr::new("3f0a6f0e-6a0b-4f5c-9d3c-3a1f2b7c8d9e"),
            matcher_sets: vec![
                vec![matcher(MatchType::Equal, "a", "b"), matcher(MatchType::NotRegex, "c", "d|e")],
                vec![matcher(MatchType::Regex, "f", ".+")],
            ],
            starts_at: at(0),
            ends_at: at(60),
            updated_at: at(1),
            created_by: "alice".to_owned(),
            comment: "why".to_owned(),
            annotations: BTreeMap::from([("ticket".to_owned(), "7".to_owned())]),
            wire: None,
        };
        let bytes = encode_silence(&silence, at(100));
        assert_eq!(decode_silence(&bytes).unwrap(), (silence.clone(), at(100)));
        // Field 15 of the wrapper, a varint: nobody knows it yet.
        let later: Bytes = [&bytes[..], &[0x78, 1]].concat().into();
        let (read, expires_at) = decode_silence(&later).unwrap();
        assert_eq!(encode_silence(&read, expires_at), later);
        assert_eq!(Silence { wire: None, ..read }, silence);
        // What 0.34 carries and nobody evaluates is passed on.
        let mut mesh = MeshSilence::decode(bytes).unwrap();
        let carrying = mesh.silence.as_mut().unwrap();
        carrying.receiver_matcher_sets.clone_from(&carrying.matcher_sets);
        let carrying = Bytes::from(mesh.encode_to_vec());
        let (read, expires_at) = decode_silence(&carrying).unwrap();
        assert_eq!(encode_silence(&read, expires_at), carrying);
        assert_eq!(decode_silence(&Bytes::new()), Err(StateError::Missing("silence")));
    }

    #[test]
    fn a_log_entry_survives() {
        let key = LogKey {
            group_key: "{}:{alertname=\"X\"}".into(),
            integration: IntegrationId { receiver: "team".into(), kind: "slack".into(), index: 2 },
        };
        let data = ReceiverData::from([
            ("thread".to_owned(), ReceiverValue::Text("1.2".to_owned())),
            ("count".to_owned(), ReceiverValue::Integer(-3)),
        ]);
        let entry = LogEntry {
            timestamp: at(0),
            expires_at: at(9),
            firing: Arc::from([1, u64::MAX]),
            resolved: Arc::from([]),
            receiver_data: Some(Arc::new(data)),
            from_peer: false,
        };
        let bytes = encode_log_entry(&key, &entry);
        assert_eq!(decode_log_entry(&bytes, false).unwrap(), (key, entry));
        assert_eq!(decode_log_entry(&Bytes::new(), false), Err(StateError::Missing("entry")));
    }
}
