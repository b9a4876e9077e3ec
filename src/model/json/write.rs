//! Writing: Go's escaping and Alertmanager's order of members.

use crate::model::{Alert, Fingerprint, LabelSet, Timestamp};

/// Appends `text` as a JSON string with Go's default escaping: besides what JSON demands, `<`, `>`, `&`, U+2028
/// and U+2029 are written as `\u003c` and the like; DEL and other characters stand as they are.
pub fn push_json_string(text: &str, json: &mut Vec<u8>) {
    json.push(b'"');
    let bytes = text.as_bytes();
    let mut copied = 0;
    for (place, byte) in bytes.iter().enumerate() {
        if !SPECIAL[usize::from(*byte)] {
            continue;
        }
        let escape: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            0x08 => b"\\b",
            0x0c => b"\\f",
            0xe2 => match bytes.get(place + 1..place + 3) {
                Some([0x80, last @ (0xa8 | 0xa9)]) => {
                    json.extend_from_slice(&bytes[copied..place]);
                    json.extend_from_slice(if *last == 0xa8 { b"\\u2028" } else { b"\\u2029" });
                    copied = place + 3;
                    continue;
                }
                _ => continue,
            },
            _ => {
                json.extend_from_slice(&bytes[copied..place]);
                json.extend_from_slice(b"\\u00");
                json.extend([HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 0xf)]]);
                copied = place + 1;
                continue;
            }
        };
        json.extend_from_slice(&bytes[copied..place]);
        json.extend_from_slice(escape);
        copied = place + 1;
    }
    json.extend_from_slice(&bytes[copied..]);
    json.push(b'"');
}

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Bytes that may need an escape; 0xe2 begins U+2028 and U+2029.
const SPECIAL: [bool; 256] = {
    let mut special = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        special[byte] = true;
        byte += 1;
    }
    let others = *b"\"\\<>&\xe2";
    let mut place = 0;
    while place < others.len() {
        special[others[place] as usize] = true;
        place += 1;
    }
    special
};

/// Appends an alert as Prometheus's notifier writes it, members in its order. One without an end of its own gets
/// the zero time, so that the receiver's `resolve_timeout` rules.
pub fn push_alert(alert: &Alert, json: &mut Vec<u8>) {
    json.push(b'{');
    if !alert.annotations.is_empty() {
        json.extend_from_slice(b"\"annotations\":");
        push_label_set(&alert.annotations, json);
        json.push(b',');
    }
    json.extend_from_slice(b"\"endsAt\":");
    push_time(if alert.timeout { Timestamp::ZERO } else { alert.ends_at }, json);
    json.extend_from_slice(b",\"startsAt\":");
    push_time(alert.starts_at, json);
    push_source(alert, json);
    json.push(b'}');
}

/// Appends alerts as the body of a push.
pub fn push_alerts<'a>(alerts: impl IntoIterator<Item = &'a Alert>, json: &mut Vec<u8>) {
    push_list(alerts, json, push_alert);
}

/// An alert as `GET /api/v2/alerts` shows it.
#[derive(Debug, Clone, Copy)]
pub struct ApiAlert<'a> {
    /// The alert.
    pub alert: &'a Alert,
    /// Names of the receivers that the routes give it, in their order.
    pub receivers: &'a [&'a str],
    /// `active`, `suppressed` or `unprocessed`.
    pub state: &'a str,
    /// The alerts that inhibit it.
    pub inhibited_by: &'a [Fingerprint],
    /// Names of the time intervals that mute it.
    pub muted_by: &'a [&'a str],
    /// Ids of the silences that silence it.
    pub silenced_by: &'a [&'a str],
}

/// Appends the alert with the members of API v2 in their order.
pub fn push_api_alert(shown: &ApiAlert<'_>, json: &mut Vec<u8>) {
    let alert = shown.alert;
    json.extend_from_slice(b"{\"annotations\":");
    push_label_set(&alert.annotations, json);
    json.extend_from_slice(b",\"endsAt\":");
    push_time(alert.ends_at, json);
    json.extend_from_slice(b",\"fingerprint\":\"");
    json.extend_from_slice(alert.fingerprint().to_string().as_bytes());
    json.extend_from_slice(b"\",\"receivers\":");
    push_list(shown.receivers, json, |name, json| {
        json.extend_from_slice(b"{\"name\":");
        push_json_string(name, json);
        json.push(b'}');
    });
    json.extend_from_slice(b",\"startsAt\":");
    push_time(alert.starts_at, json);
    json.extend_from_slice(b",\"status\":{\"inhibitedBy\":");
    push_list(shown.inhibited_by, json, |by, json| push_json_string(&by.to_string(), json));
    json.extend_from_slice(b",\"mutedBy\":");
    push_list(shown.muted_by, json, |by, json| push_json_string(by, json));
    json.extend_from_slice(b",\"silencedBy\":");
    push_list(shown.silenced_by, json, |by, json| push_json_string(by, json));
    json.extend_from_slice(b",\"state\":");
    push_json_string(shown.state, json);
    json.extend_from_slice(b"},\"updatedAt\":");
    push_time(alert.updated_at, json);
    push_source(alert, json);
    json.push(b'}');
}

/// `generatorURL`, if there is one, and `labels`: the part that Alertmanager's alert types share.
fn push_source(alert: &Alert, json: &mut Vec<u8>) {
    if !alert.generator_url.is_empty() {
        json.extend_from_slice(b",\"generatorURL\":");
        push_json_string(&alert.generator_url, json);
    }
    json.extend_from_slice(b",\"labels\":");
    push_label_set(&alert.labels, json);
}

pub(super) fn push_label_set(labels: &LabelSet, json: &mut Vec<u8>) {
    json.push(b'{');
    for (place, (name, value)) in labels.iter().enumerate() {
        if place > 0 {
            json.push(b',');
        }
        push_json_string(name, json);
        json.push(b':');
        push_json_string(value, json);
    }
    json.push(b'}');
}

pub(super) fn push_time(time: Timestamp, json: &mut Vec<u8>) {
    json.push(b'"');
    json.extend_from_slice(time.to_rfc3339_millis().as_bytes());
    json.push(b'"');
}

pub(super) fn push_list<T>(
    items: impl IntoIterator<Item = T>,
    json: &mut Vec<u8>,
    push: impl Fn(T, &mut Vec<u8>),
) {
    json.push(b'[');
    for (place, item) in items.into_iter().enumerate() {
        if place > 0 {
            json.push(b',');
        }
        push(item, json);
    }
    json.push(b']');
}
