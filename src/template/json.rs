//! `toJson`: values as Go's `encoding/json` writes them, with the field names of the webhook body.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    data::{Alert, Data, Kv},
    fmt::format_float,
    text::{is_bad_byte, runes},
    time::Time,
    value::Value,
};

/// Encodes a value; an error where the result would be longer than `limit` bytes, or JSON has no form for it.
pub(super) fn encode(value: &Value, limit: usize) -> Result<Vec<u8>, String> {
    let mut encoder = Encoder { out: Vec::new(), limit };
    encoder.value(value)?;
    Ok(encoder.out)
}

struct Encoder {
    out: Vec<u8>,
    limit: usize,
}

impl Encoder {
    fn raw(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn value(&mut self, value: &Value) -> Result<(), String> {
        if self.out.len() > self.limit {
            return Err(format!("text is longer than {} bytes", self.limit));
        }
        match value {
            Value::Nil | Value::NilElement => self.raw("null"),
            Value::Bool(flag) => self.raw(if *flag { "true" } else { "false" }),
            Value::Int(_, int) => self.raw(&int.to_string()),
            Value::Byte(byte) => self.raw(&byte.to_string()),
            Value::Float(float) => self.float(*float)?,
            Value::Str(_, text) => self.string(text),
            Value::Bytes(bytes) => {
                let encoded = STANDARD.encode(bytes.as_ref() as &[u8]);
                self.string(encoded.as_bytes());
            }
            Value::Time(time) => self.time(time)?,
            Value::Location(_) => self.raw("{}"),
            Value::Kv(kv) => self.kv(kv),
            Value::Dict(dict) => {
                self.raw("{");
                for (index, (key, value)) in dict.items.iter().enumerate() {
                    self.key(index, key);
                    self.value(value)?;
                }
                self.raw("}");
            }
            Value::Pair(pair) => {
                for pair in pair.iter() {
                    self.key_in_object(0, "Name");
                    self.string(&pair.name);
                    self.key_in_object(1, "Value");
                    self.string(&pair.value);
                }
                self.raw("}");
            }
            Value::Alert(alert) => self.alert(alert)?,
            Value::Data(data) => self.data(data)?,
            Value::Strings { .. } | Value::List(_) | Value::Pairs(_) | Value::Alerts { .. } => {
                self.list(value)?;
            }
        }
        Ok(())
    }

    fn list(&mut self, list: &Value) -> Result<(), String> {
        self.raw("[");
        for index in 0..list.len().unwrap_or_default() {
            if index > 0 {
                self.raw(",");
            }
            self.value(&list.element(index).unwrap_or(Value::Nil))?;
        }
        self.raw("]");
        Ok(())
    }

    fn key(&mut self, index: usize, key: &[u8]) {
        if index > 0 {
            self.raw(",");
        }
        self.string(key);
        self.raw(":");
    }

    fn key_in_object(&mut self, index: usize, key: &str) {
        if index == 0 {
            self.raw("{");
        }
        self.key(index, key.as_bytes());
    }

    fn kv(&mut self, kv: &Kv) {
        self.raw("{");
        for (index, (name, value)) in kv.pairs().enumerate() {
            self.key(index, name);
            self.string(value);
        }
        self.raw("}");
    }

    fn time(&mut self, time: &Time) -> Result<(), String> {
        let text = time.rfc3339_nano().map_err(|fault| {
            format!("json: error calling MarshalJSON for type time.Time: Time.MarshalJSON: {fault}")
        })?;
        self.out.push(b'"');
        self.out.extend_from_slice(&text);
        self.out.push(b'"');
        Ok(())
    }

    fn alert(&mut self, alert: &Alert) -> Result<(), String> {
        self.key_in_object(0, "status");
        self.string(&alert.status);
        self.key_in_object(1, "labels");
        self.kv(&alert.labels);
        self.key_in_object(2, "annotations");
        self.kv(&alert.annotations);
        self.key_in_object(3, "startsAt");
        self.time(&alert.starts_at)?;
        self.key_in_object(4, "endsAt");
        self.time(&alert.ends_at)?;
        self.key_in_object(5, "generatorURL");
        self.string(&alert.generator_url);
        self.key_in_object(6, "fingerprint");
        self.string(&alert.fingerprint);
        self.raw("}");
        Ok(())
    }

    fn data(&mut self, data: &Data) -> Result<(), String> {
        self.key_in_object(0, "receiver");
        self.string(&data.receiver);
        self.key_in_object(1, "status");
        self.string(&data.status);
        self.key_in_object(2, "alerts");
        self.list(&Value::Alerts { named: true, items: data.alerts.clone() })?;
        self.key_in_object(3, "notification_reason");
        self.string(&data.notification_reason);
        self.key_in_object(4, "groupLabels");
        self.kv(&data.group_labels);
        self.key_in_object(5, "commonLabels");
        self.kv(&data.common_labels);
        self.key_in_object(6, "commonAnnotations");
        self.kv(&data.common_annotations);
        self.key_in_object(7, "routeLabels");
        self.kv(&data.route_labels);
        self.key_in_object(8, "externalURL");
        self.string(&data.external_url);
        self.raw("}");
        Ok(())
    }

    fn float(&mut self, float: f64) -> Result<(), String> {
        if !float.is_finite() {
            return Err(format!("json: unsupported value: {}", format_float(float, 'g', None)));
        }
        self.raw(&json_float(float));
        Ok(())
    }

    fn string(&mut self, text: &[u8]) {
        self.out.push(b'"');
        for (at, c, len) in runes(text) {
            match c {
                '"' | '\\' => self.out.extend_from_slice(&[b'\\', c as u8]),
                '\x08' => self.raw("\\b"),
                '\x0c' => self.raw("\\f"),
                '\n' => self.raw("\\n"),
                '\r' => self.raw("\\r"),
                '\t' => self.raw("\\t"),
                '\0'..='\x1f' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                    self.raw(&format!("\\u{:04x}", u32::from(c)));
                }
                c if is_bad_byte(c, len) => self.raw("\\ufffd"),
                _ => self.out.extend_from_slice(text.get(at..at + len).unwrap_or_default()),
            }
        }
        self.out.push(b'"');
    }
}

/// As ECMAScript writes numbers: exponents only far from one, and without leading zeros.
pub(super) fn json_float(float: f64) -> String {
    let magnitude = float.abs();
    if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        let text = format_float(float, 'e', None);
        return match text.split_once("e-0") {
            Some((mantissa, exponent)) => format!("{mantissa}e-{exponent}"),
            None => text,
        };
    }
    format_float(float, 'f', None)
}
