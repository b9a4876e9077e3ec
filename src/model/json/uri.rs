//! Which texts Go's `url.ParseRequestURI` accepts: absolute URIs and absolute paths.

/// Whether `text` is such a URI.
pub(super) fn is_request_uri(text: &str) -> bool {
    if text.is_empty() || text.bytes().any(|byte| byte < 0x20 || byte == 0x7f) {
        return false;
    }
    if text == "*" {
        return true;
    }
    let Some((scheme, rest)) = split_scheme(text) else {
        return false;
    };
    let rest = rest.split('?').next().unwrap_or_default();
    if !rest.starts_with('/') {
        // With a scheme this is an opaque URI, such as mailto:a@b.
        return !scheme.is_empty();
    }
    match rest.strip_prefix("//") {
        Some(rest) if !scheme.is_empty() => {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            is_authority(authority) && has_good_escapes(path)
        }
        _ => has_good_escapes(rest),
    }
}

/// The scheme, empty if there is none, and what follows it; `None` if the text begins with a colon.
fn split_scheme(text: &str) -> Option<(&str, &str)> {
    for (place, byte) in text.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if place > 0 => {}
            b':' if place == 0 => return None,
            b':' => return Some((&text[..place], &text[place + 1..])),
            _ => break,
        }
    }
    Some(("", text))
}

fn is_authority(authority: &str) -> bool {
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    let user_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(&byte);
    user.bytes().all(user_byte) && has_good_escapes(user) && is_host(host)
}

fn is_host(host: &str) -> bool {
    if host.starts_with('[') {
        let Some((address, port)) = host.rsplit_once(']') else {
            return false;
        };
        let (address, zone) = address.split_once("%25").unwrap_or((address, ""));
        return is_optional_port(port) && is_host_text(address) && has_good_escapes(zone);
    }
    let name = match host.rfind(':') {
        Some(colon) if !is_optional_port(&host[colon..]) => return false,
        Some(colon) => &host[..colon],
        None => host,
    };
    is_host_text(name)
}

/// A host may escape only bytes beyond ASCII.
fn is_host_text(host: &str) -> bool {
    let plain =
        |byte: u8| byte >= 0x80 || byte.is_ascii_alphanumeric() || b"-_.~!$&'()*+,;=:[]<>\"%".contains(&byte);
    let mut escapes = host.split('%').skip(1);
    host.bytes().all(plain)
        && has_good_escapes(host)
        && escapes.all(|escape| {
            escape.starts_with(['8', '9', 'a', 'b', 'c', 'd', 'e', 'f', 'A', 'B', 'C', 'D', 'E', 'F'])
        })
}

fn is_optional_port(port: &str) -> bool {
    port.is_empty()
        || port.strip_prefix(':').is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether every percent sign is followed by two hexadecimal digits.
fn has_good_escapes(text: &str) -> bool {
    text.split('%')
        .skip(1)
        .all(|escape| escape.len() >= 2 && escape.bytes().take(2).all(|byte| byte.is_ascii_hexdigit()))
}
