//! What `tocsin template render` renders on: a file in the form of the webhook's body, or two alerts made up for it.
//!
//! The file is read as Go reads it for amtool: keys in any case, unknown keys left alone, `null` and absent keys empty.

use std::path::Path;

use anyhow::{Context as _, bail};
use serde_json::{Map, Value};

use crate::template::{Alert, Data, Kv, Text, Time, Zone};

/// Reads a file.
pub(super) fn read(file: &Path, local: &Zone) -> anyhow::Result<Data> {
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let value: Value = serde_json::from_slice(&bytes).with_context(|| file.display().to_string())?;
    data(&Node { path: String::new(), value: &value }, local).with_context(|| file.display().to_string())
}

fn data(node: &Node<'_>, local: &Zone) -> anyhow::Result<Data> {
    let fields = node.object()?;
    let alerts = match fields.get("alerts") {
        Some(alerts) => alerts.list()?,
        None => Vec::new(),
    };
    Ok(Data {
        receiver: fields.text("receiver")?,
        status: fields.text("status")?,
        alerts: alerts.iter().map(|node| alert(node, local).map(Into::into)).collect::<Result<_, _>>()?,
        notification_reason: fields.text("notification_reason")?,
        group_labels: fields.kv("groupLabels")?,
        common_labels: fields.kv("commonLabels")?,
        common_annotations: fields.kv("commonAnnotations")?,
        route_labels: fields.kv("routeLabels")?,
        external_url: fields.text("externalURL")?,
        route_labels_rendered: true,
    })
}

fn alert(node: &Node<'_>, local: &Zone) -> anyhow::Result<Alert> {
    let fields = node.object()?;
    Ok(Alert {
        status: fields.text("status")?,
        labels: fields.kv("labels")?,
        annotations: fields.kv("annotations")?,
        starts_at: fields.time("startsAt", local)?,
        ends_at: fields.time("endsAt", local)?,
        generator_url: fields.text("generatorURL")?,
        fingerprint: fields.text("fingerprint")?,
    })
}

/// A value, and where it stands in the file: `alerts[0].labels`.
struct Node<'v> {
    path: String,
    value: &'v Value,
}

/// The fields of an object.
struct Fields<'v> {
    path: String,
    map: Option<&'v Map<String, Value>>,
}

impl<'v> Node<'v> {
    fn wrong<T>(&self, wanted: &str) -> anyhow::Result<T> {
        let got = match self.value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
        };
        let place = if self.path.is_empty() { String::new() } else { format!("{}: ", self.path) };
        bail!("{place}expected {wanted}, found {got}")
    }

    fn object(&self) -> anyhow::Result<Fields<'v>> {
        let map = match self.value {
            Value::Object(map) => Some(map),
            Value::Null => None,
            _ => return self.wrong("an object"),
        };
        Ok(Fields { path: self.path.clone(), map })
    }

    fn list(&self) -> anyhow::Result<Vec<Self>> {
        let Value::Array(items) = self.value else { return self.wrong("a list") };
        let item = |(index, value)| Node { path: format!("{}[{index}]", self.path), value };
        Ok(items.iter().enumerate().map(item).collect())
    }

    fn text(&self) -> anyhow::Result<&'v str> {
        match self.value {
            Value::String(text) => Ok(text),
            Value::Null => Ok(""),
            _ => self.wrong("a string"),
        }
    }
}

impl<'v> Fields<'v> {
    fn below(&self, name: &str, value: &'v Value) -> Node<'v> {
        let dot = if self.path.is_empty() { "" } else { "." };
        Node { path: format!("{}{dot}{name}", self.path), value }
    }

    /// A field that is there and not `null`.
    fn get(&self, name: &str) -> Option<Node<'v>> {
        let map = self.map?;
        let same = || map.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        let value = map.get(name).or_else(same)?;
        (!value.is_null()).then(|| self.below(name, value))
    }

    fn text(&self, name: &str) -> anyhow::Result<Text> {
        self.get(name).map_or(Ok(Text::new()), |node| node.text().map(Text::from))
    }

    fn kv(&self, name: &str) -> anyhow::Result<Kv> {
        let Some(node) = self.get(name) else { return Ok(Kv::default()) };
        let fields = node.object()?;
        let pairs = fields.map.into_iter().flatten();
        pairs.map(|(key, value)| Ok((key.as_str(), fields.below(key, value).text()?))).collect()
    }

    fn time(&self, name: &str, local: &Zone) -> anyhow::Result<Time> {
        let Some(node) = self.get(name) else { return Ok(Time::ZERO) };
        let text = node.text()?;
        let Some(time) = Time::parse_rfc3339(text) else {
            bail!("{}: {text:?} is not a time in the form 2006-01-02T15:04:05Z07:00", node.path);
        };
        // As Go: an offset that is also the machine's own is taken for the machine's zone.
        let here = time.with_zone(local.clone());
        let is_ours = !text.ends_with('Z') && here.format(b"-07:00") == time.format(b"-07:00");
        Ok(if is_ours { here } else { time })
    }
}

/// amtool's example.
pub(super) fn sample(now: &Time) -> Data {
    let common = |prefix: &str| {
        let pair = |n| (format!("common{prefix}key{n}"), format!("common{prefix}value{n}"));
        [pair(1), pair(2)]
    };
    let with_common = |prefix: &str, own: &[(&str, &str)]| -> Kv {
        let own = own.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        own.chain(common(prefix)).collect()
    };
    let ago = |minutes: i64| Time::new(now.unix() - minutes * 60, now.nanosecond(), now.zone().clone());
    let alert = |status: &str, labels: &[_], annotations: &[_], minutes, fingerprint: &str| Alert {
        status: status.into(),
        labels: with_common("label", labels),
        annotations: with_common("annotation", annotations),
        starts_at: ago(minutes),
        ends_at: now.clone(),
        generator_url: "https://generatorurl.com".into(),
        fingerprint: fingerprint.into(),
    };
    let firing = alert(
        "firing",
        &[("label1", "value1"), ("label2", "value2"), ("instance", "foo.bar:1234")],
        &[("annotation1", "value1"), ("annotation2", "value2")],
        5,
        "fingerprint1",
    );
    let resolved = alert(
        "resolved",
        &[("foo", "bar"), ("baz", "qux")],
        &[("aaa", "bbb"), ("ccc", "ddd")],
        10,
        "fingerprint2",
    );
    Data {
        receiver: "receiver".into(),
        status: "alertstatus".into(),
        alerts: [firing, resolved].map(Into::into).into_iter().collect(),
        notification_reason: Text::new(),
        group_labels: [("grouplabelkey1", "grouplabelvalue1"), ("grouplabelkey2", "grouplabelvalue2")]
            .into_iter()
            .collect(),
        common_labels: common("label").into_iter().collect(),
        common_annotations: common("annotation").into_iter().collect(),
        route_labels: Kv::default(),
        external_url: "https://example.com".into(),
        route_labels_rendered: true,
    }
}
