//! The functions a template can call: one table with every name, its parameters and its body.

use super::{
    alertmanager as am, builtin, compare, escape,
    html::escaper,
    machine::Machine,
    text::Text,
    value::{IntType, StrType, Value},
};

/// What an argument must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Param {
    /// Anything, looked at as it is (`reflect.Value`).
    Value,
    /// Anything (`interface {}`).
    Any,
    String,
    Int,
    Duration,
    Time,
    Location,
    /// `[]string`, named or not.
    Strings,
    Bytes,
    /// `[]interface {}`.
    List,
}

impl Param {
    pub(super) fn type_name(self) -> &'static str {
        match self {
            Self::Value => "reflect.Value",
            Self::Any => "interface {}",
            Self::String => "string",
            Self::Int => "int",
            Self::Duration => "time.Duration",
            Self::Time => "time.Time",
            Self::Location => "*time.Location",
            Self::Strings => "[]string",
            Self::Bytes => "[]uint8",
            Self::List => "[]interface {}",
        }
    }

    pub(super) fn accepts(self, value: &Value) -> bool {
        match self {
            Self::Value | Self::Any => true,
            Self::String => matches!(value, Value::Str(StrType::String, _)),
            Self::Int => matches!(value, Value::Int(IntType::Int, _)),
            Self::Duration => matches!(value, Value::Int(IntType::Duration, _)),
            Self::Time => matches!(value, Value::Time(_)),
            Self::Location => matches!(value, Value::Location(_)),
            Self::Strings => matches!(value, Value::Strings { .. }),
            Self::Bytes => matches!(value, Value::Bytes(_)),
            Self::List => matches!(value, Value::List(_)),
        }
    }

    /// What `nil` becomes; `None` where the type has no nil.
    pub(super) fn nil(self) -> Option<Value> {
        match self {
            Self::Value | Self::Any | Self::Location => Some(Value::Nil),
            Self::Strings => Some(Value::Strings { named: false, items: Vec::new().into() }),
            Self::Bytes => Some(Value::Bytes(Text::new())),
            Self::List => Value::list(Vec::new().into()).ok(),
            Self::String | Self::Int | Self::Duration | Self::Time => None,
        }
    }
}

/// The parameters of a function or method.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signature {
    pub(super) fixed: &'static [Param],
    pub(super) variadic: Option<Param>,
}

impl Signature {
    /// What the argument at `index` must be; the count has been checked.
    pub(super) fn param(self, index: usize) -> Param {
        self.fixed.get(index).copied().or(self.variadic).unwrap_or(Param::Any)
    }
}

/// A body: arguments in, a value or an error text out.
pub(super) type Body = fn(&mut Machine<'_>, &[Value]) -> Result<Value, String>;

/// How a call is carried out.
#[derive(Clone, Copy)]
pub(super) enum Action {
    /// Evaluates arguments until one decides: `and` (false) or `or` (true).
    ShortCircuit(bool),
    /// Names its first argument in errors.
    Call,
    Plain(Body),
}

struct Spec {
    name: &'static str,
    signature: Signature,
    action: Action,
    /// Whether a string alone comes out as it went in.
    leaves: fn(&[u8]) -> bool,
}

/// A function, by its place in the table.
#[derive(Clone, Copy)]
pub(super) struct Function(&'static Spec);

impl Function {
    pub(super) fn lookup(name: &str) -> Option<Self> {
        FUNCTIONS.iter().find(|spec| spec.name == name).map(Self)
    }

    /// One of the functions that HTML escaping adds; templates cannot name them.
    pub(super) fn escaper(name: &str) -> Option<Self> {
        ESCAPERS.iter().find(|spec| spec.name == name).map(Self)
    }

    pub(super) fn name(self) -> &'static str {
        self.0.name
    }

    pub(super) fn signature(self) -> Signature {
        self.0.signature
    }

    pub(super) fn action(self) -> Action {
        self.0.action
    }

    /// Whether the function's value for this string alone is the string; `false` where nobody has looked.
    pub(super) fn leaves(self, text: &[u8]) -> bool {
        (self.0.leaves)(text)
    }
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

const fn spec(name: &'static str, fixed: &'static [Param], body: Body) -> Spec {
    Spec {
        name,
        signature: Signature { fixed, variadic: None },
        action: Action::Plain(body),
        leaves: unknown,
    }
}

const fn variadic(name: &'static str, fixed: &'static [Param], rest: Param, body: Body) -> Spec {
    let signature = Signature { fixed, variadic: Some(rest) };
    Spec { name, signature, action: Action::Plain(body), leaves: unknown }
}

const fn special(name: &'static str, action: Action) -> Spec {
    let signature = Signature { fixed: &[Param::Value], variadic: Some(Param::Value) };
    Spec { name, signature, action, leaves: unknown }
}

/// An escaper that most texts pass as they are.
const fn filter(name: &'static str, leaves: fn(&[u8]) -> bool, body: Body) -> Spec {
    let signature = Signature { fixed: &[], variadic: Some(ANY) };
    Spec { name, signature, action: Action::Plain(body), leaves }
}

fn unknown(_: &[u8]) -> bool {
    false
}

const S: Param = Param::String;
const V: Param = Param::Value;
const ANY: Param = Param::Any;

static FUNCTIONS: [Spec; 44] = [
    special("and", Action::ShortCircuit(false)),
    special("or", Action::ShortCircuit(true)),
    special("call", Action::Call),
    variadic("html", &[], ANY, escape::html),
    variadic("js", &[], ANY, escape::js),
    variadic("urlquery", &[], ANY, escape::url_query),
    variadic("index", &[V], V, builtin::index),
    variadic("slice", &[V], V, builtin::slice),
    spec("len", &[V], builtin::len),
    spec("not", &[V], builtin::not),
    variadic("print", &[], ANY, builtin::print),
    variadic("printf", &[S], ANY, builtin::printf),
    variadic("println", &[], ANY, builtin::println),
    variadic("eq", &[V], V, compare::eq),
    spec("ne", &[V, V], compare::ne),
    spec("lt", &[V, V], compare::lt),
    spec("le", &[V, V], compare::le),
    spec("gt", &[V, V], compare::gt),
    spec("ge", &[V, V], compare::ge),
    spec("toUpper", &[S], am::to_upper),
    spec("toLower", &[S], am::to_lower),
    spec("title", &[S], am::title),
    spec("trimSpace", &[S], am::trim_space),
    spec("join", &[S, Param::Strings], am::join),
    spec("match", &[S, S], am::matches),
    spec("safeHtml", &[S], am::safe_html),
    spec("safeUrl", &[S], am::safe_url),
    spec("urlUnescape", &[S], am::url_unescape),
    spec("reReplaceAll", &[S, S, S], am::re_replace_all),
    variadic("stringSlice", &[], S, am::string_slice),
    spec("routeLabels", &[S], am::route_labels),
    spec("date", &[S, Param::Time], am::date),
    spec("tz", &[S, Param::Time], am::tz),
    spec("now", &[], am::now),
    spec("since", &[Param::Time], am::since),
    spec("humanizeDuration", &[ANY], am::humanize_duration),
    spec("toDate", &[S, S], am::to_date),
    spec("mustToDate", &[S, S], am::must_to_date),
    spec("toJson", &[ANY], am::to_json),
    spec("base64encode", &[S], am::base64_encode),
    spec("base64decode", &[S], am::base64_decode),
    variadic("list", &[], ANY, am::list),
    variadic("append", &[Param::List], ANY, am::append),
    variadic("dict", &[], ANY, am::dict),
];

static ESCAPERS: [Spec; 17] = [
    filter("_html_template_attrescaper", escaper::is_plain, escaper::attr),
    variadic("_html_template_commentescaper", &[], ANY, escaper::comment),
    variadic("_html_template_cssescaper", &[], ANY, escaper::css),
    variadic("_html_template_cssvaluefilter", &[], ANY, escaper::css_value_filter),
    variadic("_html_template_htmlnamefilter", &[], ANY, escaper::html_name_filter),
    filter("_html_template_htmlescaper", escaper::is_plain, escaper::html),
    variadic("_html_template_jsregexpescaper", &[], ANY, escaper::js_regexp),
    variadic("_html_template_jsstrescaper", &[], ANY, escaper::js_str),
    variadic("_html_template_jstmpllitescaper", &[], ANY, escaper::js_template_literal),
    variadic("_html_template_jsvalescaper", &[], ANY, escaper::js_value),
    variadic("_html_template_nospaceescaper", &[], ANY, escaper::no_space),
    filter("_html_template_rcdataescaper", escaper::is_plain, escaper::rcdata),
    variadic("_html_template_srcsetescaper", &[], ANY, escaper::srcset),
    variadic("_html_template_urlescaper", &[], ANY, escaper::url),
    filter("_html_template_urlfilter", escaper::is_safe_url, escaper::url_filter),
    filter("_html_template_urlnormalizer", escaper::is_normal_url, escaper::url_normalise),
    variadic("_eval_args_", &[], ANY, escaper::eval_args),
];
