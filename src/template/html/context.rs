//! Where in an HTML document a piece of text ends.

use std::fmt;

/// The syntactic state. The names are Go's, as errors show them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum State {
    #[default]
    Text,
    Tag,
    AttrName,
    AfterName,
    BeforeValue,
    HtmlComment,
    Rcdata,
    Attr,
    Url,
    Srcset,
    Js,
    JsDoubleQuoted,
    JsSingleQuoted,
    JsTemplate,
    JsRegexp,
    JsBlockComment,
    JsLineComment,
    JsHtmlOpenComment,
    JsHtmlCloseComment,
    Css,
    CssDoubleQuoted,
    CssSingleQuoted,
    CssDoubleQuotedUrl,
    CssSingleQuotedUrl,
    CssUrl,
    CssBlockComment,
    CssLineComment,
    MetaContent,
    MetaContentUrl,
    /// Nothing after a `break` or `continue` is reached.
    Dead,
}

impl State {
    pub(super) fn is_comment(self) -> bool {
        matches!(
            self,
            Self::HtmlComment
                | Self::JsBlockComment
                | Self::JsLineComment
                | Self::JsHtmlOpenComment
                | Self::JsHtmlCloseComment
                | Self::CssBlockComment
                | Self::CssLineComment
        )
    }

    pub(super) fn is_in_tag(self) -> bool {
        matches!(self, Self::Tag | Self::AttrName | Self::AfterName | Self::BeforeValue | Self::Attr)
    }

    pub(super) fn is_script_literal(self) -> bool {
        matches!(self, Self::JsDoubleQuoted | Self::JsSingleQuoted | Self::JsTemplate | Self::JsRegexp)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Text => "stateText",
            Self::Tag => "stateTag",
            Self::AttrName => "stateAttrName",
            Self::AfterName => "stateAfterName",
            Self::BeforeValue => "stateBeforeValue",
            Self::HtmlComment => "stateHTMLCmt",
            Self::Rcdata => "stateRCDATA",
            Self::Attr => "stateAttr",
            Self::Url => "stateURL",
            Self::Srcset => "stateSrcset",
            Self::Js => "stateJS",
            Self::JsDoubleQuoted => "stateJSDqStr",
            Self::JsSingleQuoted => "stateJSSqStr",
            Self::JsTemplate => "stateJSTmplLit",
            Self::JsRegexp => "stateJSRegexp",
            Self::JsBlockComment => "stateJSBlockCmt",
            Self::JsLineComment => "stateJSLineCmt",
            Self::JsHtmlOpenComment => "stateJSHTMLOpenCmt",
            Self::JsHtmlCloseComment => "stateJSHTMLCloseCmt",
            Self::Css => "stateCSS",
            Self::CssDoubleQuoted => "stateCSSDqStr",
            Self::CssSingleQuoted => "stateCSSSqStr",
            Self::CssDoubleQuotedUrl => "stateCSSDqURL",
            Self::CssSingleQuotedUrl => "stateCSSSqURL",
            Self::CssUrl => "stateCSSURL",
            Self::CssBlockComment => "stateCSSBlockCmt",
            Self::CssLineComment => "stateCSSLineCmt",
            Self::MetaContent => "stateMetaContent",
            Self::MetaContentUrl => "stateMetaContentURL",
            Self::Dead => "stateDead",
        }
    }
}

/// What ends the attribute value we are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Delim {
    #[default]
    None,
    DoubleQuote,
    SingleQuote,
    SpaceOrTagEnd,
}

impl Delim {
    fn name(self) -> &'static str {
        match self {
            Self::None => "delimNone",
            Self::DoubleQuote => "delimDoubleQuote",
            Self::SingleQuote => "delimSingleQuote",
            Self::SpaceOrTagEnd => "delimSpaceOrTagEnd",
        }
    }

    /// The bytes that end the value.
    pub(super) fn ends(self) -> &'static [u8] {
        match self {
            Self::None => b"",
            Self::DoubleQuote => b"\"",
            Self::SingleQuote => b"'",
            Self::SpaceOrTagEnd => b" \t\n\x0c\r>",
        }
    }
}

/// How far into a URL we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum UrlPart {
    #[default]
    None,
    PreQuery,
    QueryOrFragment,
    Unknown,
}

impl UrlPart {
    fn name(self) -> &'static str {
        match self {
            Self::None => "urlPartNone",
            Self::PreQuery => "urlPartPreQuery",
            Self::QueryOrFragment => "urlPartQueryOrFrag",
            Self::Unknown => "urlPartUnknown",
        }
    }
}

/// Whether a `/` in a script starts a regular expression or divides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Slash {
    #[default]
    Regexp,
    Division,
    Unknown,
}

impl Slash {
    fn name(self) -> &'static str {
        match self {
            Self::Regexp => "jsCtxRegexp",
            Self::Division => "jsCtxDivOp",
            Self::Unknown => "jsCtxUnknown",
        }
    }
}

/// The attribute we are in, where it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Attr {
    #[default]
    None,
    Script,
    ScriptType,
    Style,
    Url,
    Srcset,
    MetaContent,
}

impl Attr {
    fn name(self) -> &'static str {
        match self {
            Self::None => "attrNone",
            Self::Script => "attrScript",
            Self::ScriptType => "attrScriptType",
            Self::Style => "attrStyle",
            Self::Url => "attrURL",
            Self::Srcset => "attrSrcset",
            Self::MetaContent => "attrMetaContent",
        }
    }

    /// The state in which the attribute's value starts.
    pub(super) fn start(self) -> State {
        match self {
            Self::None | Self::ScriptType => State::Attr,
            Self::Script => State::Js,
            Self::Style => State::Css,
            Self::Url => State::Url,
            Self::Srcset => State::Srcset,
            Self::MetaContent => State::MetaContent,
        }
    }
}

/// The element we are in, where its content is not markup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Element {
    #[default]
    None,
    Script,
    Style,
    Textarea,
    Title,
    Meta,
}

impl Element {
    fn name(self) -> &'static str {
        match self {
            Self::None => "elementNone",
            Self::Script => "elementScript",
            Self::Style => "elementStyle",
            Self::Textarea => "elementTextarea",
            Self::Title => "elementTitle",
            Self::Meta => "elementMeta",
        }
    }

    pub(super) fn of_tag(name: &[u8]) -> Self {
        match name.to_ascii_lowercase().as_slice() {
            b"script" => Self::Script,
            b"style" => Self::Style,
            b"textarea" => Self::Textarea,
            b"title" => Self::Title,
            b"meta" => Self::Meta,
            _ => Self::None,
        }
    }

    pub(super) fn content(self) -> State {
        match self {
            Self::None | Self::Meta => State::Text,
            Self::Script => State::Js,
            Self::Style => State::Css,
            Self::Textarea | Self::Title => State::Rcdata,
        }
    }

    pub(super) fn end_tag(self) -> &'static [u8] {
        match self {
            Self::None | Self::Meta => b"",
            Self::Script => b"script",
            Self::Style => b"style",
            Self::Textarea => b"textarea",
            Self::Title => b"title",
        }
    }
}

/// The whole context after a piece of text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Context {
    pub(super) state: State,
    pub(super) delim: Delim,
    pub(super) url_part: UrlPart,
    pub(super) slash: Slash,
    /// For each `${` of a script's template literals that is open, the braces open in it.
    pub(super) braces: Vec<i32>,
    pub(super) attr: Attr,
    pub(super) element: Element,
}

impl Context {
    pub(super) fn of(state: State) -> Self {
        Self { state, ..Self::default() }
    }

    /// The name of the copy of a template that is escaped for this context.
    pub(super) fn mangle(&self, name: &str) -> String {
        if self.state == State::Text {
            return name.to_owned();
        }
        let mut mangled = format!("{name}$htmltemplate_{}", self.state.name());
        let mut add = |wanted: bool, part: &str| {
            if wanted {
                mangled.push('_');
                mangled.push_str(part);
            }
        };
        add(self.delim != Delim::None, self.delim.name());
        add(self.url_part != UrlPart::None, self.url_part.name());
        add(self.slash != Slash::Regexp, self.slash.name());
        add(!self.braces.is_empty(), &format!("jsBraceDepth({:?})", self.braces));
        add(self.attr != Attr::None, self.attr.name());
        add(self.element != Element::None, self.element.name());
        mangled
    }

    /// The context in which a value starts that stands here.
    pub(super) fn nudged(mut self) -> Self {
        match self.state {
            State::Tag => self.state = State::AttrName,
            State::BeforeValue => {
                self.state = self.attr.start();
                self.delim = Delim::SpaceOrTagEnd;
                self.attr = Attr::None;
            }
            State::AfterName => {
                self.state = State::AttrName;
                self.attr = Attr::None;
            }
            _ => {}
        }
        self
    }

    /// The context after two branches that end in `self` and `other`; `None` where they do not go together.
    pub(super) fn joined(self, other: Self) -> Option<Self> {
        if self.state == State::Dead || self == other {
            return Some(other);
        }
        if other.state == State::Dead {
            return Some(self);
        }
        if (Self { url_part: other.url_part, ..self.clone() }) == other {
            return Some(Self { url_part: UrlPart::Unknown, ..self });
        }
        if (Self { slash: other.slash, ..self.clone() }) == other {
            return Some(Self { slash: Slash::Unknown, ..self });
        }
        let (one, two) = (self.clone().nudged(), other.clone().nudged());
        if one == self && two == other {
            return None;
        }
        one.joined(two)
    }
}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let braces: Vec<String> = self.braces.iter().map(i32::to_string).collect();
        write!(
            f,
            "{{{} {} {} {} [{}] {} {} <nil>}}",
            self.state.name(),
            self.delim.name(),
            self.url_part.name(),
            self.slash.name(),
            braces.join(" "),
            self.attr.name(),
            self.element.name()
        )
    }
}
