//! Lists, maps and structures, as `%v`, `%+v` and `%#v` write them.

use super::Printer;
use crate::template::{
    data::{Alert, Data},
    text::Text,
    value::Value,
};

impl Printer<'_> {
    fn separator(&mut self, index: usize) {
        if index > 0 {
            self.text(if self.flags.sharp_v { ", " } else { " " });
        }
    }

    pub(super) fn map(
        &mut self,
        type_name: &str,
        pairs: impl Iterator<Item = (Text, Value)>,
        verb: char,
        depth: usize,
    ) {
        let (open, close) = if self.flags.sharp_v { ("{", "}") } else { ("map[", "]") };
        if self.flags.sharp_v {
            self.text(type_name);
        }
        self.text(open);
        for (index, (key, value)) in pairs.enumerate() {
            if self.full() {
                return;
            }
            self.separator(index);
            self.value(&Value::string(key), verb, depth + 1);
            self.text(":");
            self.value(&value, verb, depth + 1);
        }
        self.text(close);
    }

    pub(super) fn list(&mut self, list: &Value, verb: char, depth: usize) {
        let (open, close) = if self.flags.sharp_v { ("{", "}") } else { ("[", "]") };
        if self.flags.sharp_v {
            self.text(list.type_name().unwrap_or_default());
        }
        self.text(open);
        for index in 0..list.len().unwrap_or_default() {
            if self.full() {
                return;
            }
            self.separator(index);
            if let Some(element) = list.element(index) {
                self.value(&element, verb, depth + 1);
            }
        }
        self.text(close);
    }

    pub(super) fn structure<const N: usize>(
        &mut self,
        type_name: &str,
        fields: [(&str, Value); N],
        verb: char,
        depth: usize,
    ) {
        if self.flags.sharp_v {
            self.text(type_name);
        }
        self.text("{");
        for (index, (name, value)) in fields.iter().enumerate() {
            self.separator(index);
            if self.flags.plus_v || self.flags.sharp_v {
                self.text(name);
                self.text(":");
            }
            self.value(value, verb, depth + 1);
        }
        self.text("}");
    }

    pub(super) fn alert(&mut self, alert: &Alert, verb: char, depth: usize) {
        let fields = [
            ("Status", Value::string(alert.status.clone())),
            ("Labels", Value::Kv(alert.labels.clone())),
            ("Annotations", Value::Kv(alert.annotations.clone())),
            ("StartsAt", Value::Time(Box::new(alert.starts_at.clone()))),
            ("EndsAt", Value::Time(Box::new(alert.ends_at.clone()))),
            ("GeneratorURL", Value::string(alert.generator_url.clone())),
            ("Fingerprint", Value::string(alert.fingerprint.clone())),
        ];
        self.structure("template.Alert", fields, verb, depth);
    }

    pub(super) fn data(&mut self, data: &Data, verb: char, depth: usize) {
        let fields = [
            ("Receiver", Value::string(data.receiver.clone())),
            ("Status", Value::string(data.status.clone())),
            ("Alerts", Value::Alerts { named: true, items: data.alerts.clone() }),
            ("NotificationReason", Value::string(data.notification_reason.clone())),
            ("GroupLabels", Value::Kv(data.group_labels.clone())),
            ("CommonLabels", Value::Kv(data.common_labels.clone())),
            ("CommonAnnotations", Value::Kv(data.common_annotations.clone())),
            ("RouteLabels", Value::Kv(data.route_labels.clone())),
            ("ExternalURL", Value::string(data.external_url.clone())),
            ("routeLabelsRendered", Value::Bool(data.route_labels_rendered)),
        ];
        self.structure("template.Data", fields, verb, depth);
    }
}
