//! What the attributes of HTML hold.

/// The language of an attribute's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    Plain,
    Url,
    Css,
    Js,
    Srcset,
    Html,
    /// Changes how the document is read; never filled in from a value.
    Unsafe,
}

const URLS: [&str; 17] = [
    "action",
    "archive",
    "background",
    "cite",
    "classid",
    "codebase",
    "data",
    "formaction",
    "href",
    "icon",
    "longdesc",
    "manifest",
    "poster",
    "profile",
    "src",
    "usemap",
    "xmlns",
];

const UNSAFE: [&str; 19] = [
    "accept-charset",
    "async",
    "challenge",
    "charset",
    "content",
    "crossorigin",
    "defer",
    "enctype",
    "form",
    "formenctype",
    "formmethod",
    "formnovalidate",
    "http-equiv",
    "keytype",
    "language",
    "method",
    "novalidate",
    "pattern",
    "rel",
];

const MORE_UNSAFE: [&str; 3] = ["sandbox", "type", "value"];

/// Attributes whose names would otherwise look like something else.
const PLAIN: [&str; 1] = ["srclang"];

/// The language of an attribute, by its name in lower case.
pub(super) fn content_of(name: &str) -> Content {
    let name = match (name.strip_prefix("data-"), name.split_once(':')) {
        (Some(short), _) => short,
        (None, Some(("xmlns", _))) => return Content::Url,
        (None, Some((_, short))) => short,
        (None, None) => name,
    };
    match name {
        "style" => Content::Css,
        "srcset" => Content::Srcset,
        "srcdoc" => Content::Html,
        name if URLS.contains(&name) => Content::Url,
        name if UNSAFE.contains(&name) || MORE_UNSAFE.contains(&name) => Content::Unsafe,
        name if PLAIN.contains(&name) => Content::Plain,
        name if name.starts_with("on") => Content::Js,
        name if ["src", "uri", "url"].iter().any(|part| name.contains(part)) => Content::Url,
        _ => Content::Plain,
    }
}

/// Whether the `type` of a script says that it is one.
pub(super) fn is_script_type(value: &[u8]) -> bool {
    let text = String::from_utf8_lossy(value).to_lowercase();
    let mime = text.split(';').next().unwrap_or_default().trim();
    let name = match mime.split_once('/') {
        Some(("application", name)) => {
            return matches!(
                name,
                "ecmascript" | "javascript" | "json" | "ld+json" | "x-ecmascript" | "x-javascript"
            );
        }
        Some(("text", name)) => name,
        _ => return matches!(mime, "" | "module"),
    };
    match name.strip_prefix("javascript1.") {
        Some(version) => matches!(version, "0" | "1" | "2" | "3" | "4" | "5"),
        None => matches!(
            name,
            "ecmascript" | "javascript" | "jscript" | "livescript" | "x-ecmascript" | "x-javascript"
        ),
    }
}

/// Named entities that can change the meaning of a URL, style or script.
const ENTITIES: [(&str, char); 40] = [
    ("amp", '&'),
    ("AMP", '&'),
    ("lt", '<'),
    ("LT", '<'),
    ("gt", '>'),
    ("GT", '>'),
    ("quot", '"'),
    ("QUOT", '"'),
    ("apos", '\''),
    ("nbsp", '\u{a0}'),
    ("Tab", '\t'),
    ("NewLine", '\n'),
    ("excl", '!'),
    ("num", '#'),
    ("dollar", '$'),
    ("percnt", '%'),
    ("lpar", '('),
    ("rpar", ')'),
    ("ast", '*'),
    ("midast", '*'),
    ("plus", '+'),
    ("comma", ','),
    ("period", '.'),
    ("sol", '/'),
    ("colon", ':'),
    ("semi", ';'),
    ("equals", '='),
    ("quest", '?'),
    ("commat", '@'),
    ("lsqb", '['),
    ("lbrack", '['),
    ("bsol", '\\'),
    ("rsqb", ']'),
    ("rbrack", ']'),
    ("Hat", '^'),
    ("lowbar", '_'),
    ("grave", '`'),
    ("lcub", '{'),
    ("rcub", '}'),
    ("verbar", '|'),
];

/// Entities that HTML reads even without their semicolon.
const BARE: [&str; 9] = ["amp", "AMP", "lt", "LT", "gt", "GT", "quot", "QUOT", "nbsp"];

/// Replaces the entities of a literal attribute value.
pub(super) fn unescape_entities(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.iter().position(|b| *b == b'&') {
        let (before, entity) = rest.split_at(at);
        out.extend_from_slice(before);
        let (c, len) = match entity_at(entity) {
            Some((c, len)) => (c, len),
            None => ('&', 1),
        };
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        rest = entity.get(len..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    out
}

/// The character of the entity at the start, and the entity's length.
fn entity_at(text: &[u8]) -> Option<(char, usize)> {
    let body = text.get(1..)?;
    if let Some(number) = body.strip_prefix(b"#") {
        let (digits, radix, lead) = match number.first()? {
            b'x' | b'X' => (number.get(1..)?, 16, 3),
            _ => (number, 10, 2),
        };
        let len = digits.iter().take_while(|b| char::from(**b).is_digit(radix)).count();
        let code = std::str::from_utf8(digits.get(..len)?).ok().filter(|digits| !digits.is_empty())?;
        let code = u32::from_str_radix(code, radix).unwrap_or(u32::MAX);
        let c = char::from_u32(code).filter(|c| *c != '\0').unwrap_or(char::REPLACEMENT_CHARACTER);
        let semicolon = usize::from(digits.get(len) == Some(&b';'));
        return Some((c, lead + len + semicolon));
    }
    let len = body.iter().take_while(|b| b.is_ascii_alphanumeric()).count();
    let name = std::str::from_utf8(body.get(..len)?).ok()?;
    if body.get(len) == Some(&b';')
        && let Some((_, c)) = ENTITIES.iter().find(|(known, _)| *known == name)
    {
        return Some((*c, len + 2));
    }
    let bare = BARE.iter().find(|bare| name.starts_with(**bare))?;
    let (_, c) = ENTITIES.iter().find(|(known, _)| known == bare)?;
    Some((*c, bare.len() + 1))
}
