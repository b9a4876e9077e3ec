//! `silencepb`: silences.

use std::collections::BTreeMap;

use super::WireTime;

/// One matcher of a silence.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Matcher {
    /// How the pattern is compared.
    #[prost(enumeration = "MatcherType", tag = "1")]
    pub r#type: i32,
    /// The label's name.
    #[prost(string, tag = "2")]
    pub name: String,
    /// The value or regular expression.
    #[prost(string, tag = "3")]
    pub pattern: String,
}

/// How a matcher compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub enum MatcherType {
    /// `=`
    Equal = 0,
    /// `=~`
    Regexp = 1,
    /// `!=`
    NotEqual = 2,
    /// `!~`
    NotRegexp = 3,
}

/// Matchers that must all match.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct MatcherSet {
    /// The matchers.
    #[prost(message, repeated, tag = "1")]
    pub matchers: Vec<Matcher>,
}

/// A comment as versions before 0.5 kept it.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Comment {
    /// Who wrote it.
    #[prost(string, tag = "1")]
    pub author: String,
    /// What it says.
    #[prost(string, tag = "2")]
    pub comment: String,
    /// When it was written.
    #[prost(message, optional, tag = "3")]
    pub timestamp: Option<WireTime>,
}

/// A silence.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Silence {
    /// Its id, a UUID.
    #[prost(string, tag = "1")]
    pub id: String,
    /// The first matcher set, for versions before 0.32, which read no other.
    #[prost(message, repeated, tag = "2")]
    pub matchers: Vec<Matcher>,
    /// When it begins.
    #[prost(message, optional, tag = "3")]
    pub starts_at: Option<WireTime>,
    /// When it ends.
    #[prost(message, optional, tag = "4")]
    pub ends_at: Option<WireTime>,
    /// When it was changed; the last change wins.
    #[prost(message, optional, tag = "5")]
    pub updated_at: Option<WireTime>,
    /// Comments of old versions.
    #[prost(message, repeated, tag = "7")]
    pub comments: Vec<Comment>,
    /// Who made it.
    #[prost(string, tag = "8")]
    pub created_by: String,
    /// Why.
    #[prost(string, tag = "9")]
    pub comment: String,
    /// Annotations (0.32 and later).
    #[prost(btree_map = "string, string", tag = "10")]
    pub annotations: BTreeMap<String, String>,
    /// Matcher sets, of which one must match (0.32 and later).
    #[prost(message, repeated, tag = "11")]
    pub matcher_sets: Vec<MatcherSet>,
    /// Carried by 0.34, evaluated by nothing.
    #[prost(message, repeated, tag = "12")]
    pub receiver_matcher_sets: Vec<MatcherSet>,
}

/// A silence and until when it is kept.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct MeshSilence {
    /// The silence.
    #[prost(message, optional, tag = "1")]
    pub silence: Option<Silence>,
    /// When it is forgotten: its end and the retention.
    #[prost(message, optional, tag = "2")]
    pub expires_at: Option<WireTime>,
}

impl Silence {
    /// The silence as today's versions mean it: the comment of an old version in its own field, and all matchers
    /// in the matcher sets.
    #[must_use]
    pub fn upgraded(mut self) -> Self {
        if let Some(first) = self.comments.drain(..).next() {
            self.created_by = first.author;
            self.comment = first.comment;
        }
        let matchers = std::mem::take(&mut self.matchers);
        if self.matcher_sets.is_empty() && !matchers.is_empty() {
            self.matcher_sets.push(MatcherSet { matchers });
        }
        self
    }

    /// The silence as it is written: its first matcher set repeated where older versions look for it.
    #[must_use]
    pub fn for_the_wire(mut self) -> Self {
        if let Some(first) = self.matcher_sets.first() {
            self.matchers.clone_from(&first.matchers);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_silences_are_upgraded_and_new_ones_readable_by_old_versions() {
        let matcher = Matcher { r#type: 0, name: "alertname".into(), pattern: "Foo".into() };
        let old = Silence {
            matchers: vec![matcher.clone()],
            comments: vec![Comment { author: "alice".into(), comment: "why".into(), timestamp: None }],
            ..Default::default()
        };
        let new = old.upgraded();
        assert_eq!((new.created_by.as_str(), new.comment.as_str()), ("alice", "why"));
        assert_eq!(new.matcher_sets, [MatcherSet { matchers: vec![matcher.clone()] }]);
        assert!(new.matchers.is_empty() && new.comments.is_empty());
        assert_eq!(new.for_the_wire().matchers, [matcher]);
    }
}
