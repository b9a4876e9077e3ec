use std::net::{Ipv4Addr, Ipv6Addr};

/// The object identifier 2.5.29.17, subjectAltName.
const SUBJECT_ALT_NAME: [u8; 3] = [0x55, 0x1d, 0x11];

const BOOLEAN: u8 = 0x01;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
/// `[3]` of a TBSCertificate: the extensions.
const EXTENSIONS: u8 = 0xa3;

/// The DNS names, e-mail addresses, URIs and IP addresses of a certificate's subjectAltName (RFC 5280 4.2.1.6), as
/// texts. Anything that cannot be read ends the list: a name that is not understood allows nobody in.
#[must_use]
pub fn alternative_names(certificate: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    let Some(extension) = extension(certificate) else { return names };
    let Some((SEQUENCE, mut rest, _)) = element(extension) else { return names };
    while let Some((tag, value, after)) = element(rest) {
        rest = after;
        match tag {
            // rfc822Name, dNSName, uniformResourceIdentifier: texts in ASCII.
            0x81 | 0x82 | 0x86 => names.extend(std::str::from_utf8(value).map(str::to_owned)),
            0x87 => names.extend(address(value)),
            _ => {}
        }
    }
    names
}

fn address(value: &[u8]) -> Option<String> {
    match value.len() {
        4 => <[u8; 4]>::try_from(value).ok().map(|octets| Ipv4Addr::from(octets).to_string()),
        16 => <[u8; 16]>::try_from(value).ok().map(|octets| Ipv6Addr::from(octets).to_string()),
        _ => None,
    }
}

/// The content of the subjectAltName extension.
fn extension(certificate: &[u8]) -> Option<&[u8]> {
    let certificate = expect(SEQUENCE, certificate)?.0;
    let mut fields = expect(SEQUENCE, certificate)?.0;
    let extensions = loop {
        let (tag, value, after) = element(fields)?;
        if tag == EXTENSIONS {
            break value;
        }
        fields = after;
    };
    let mut extensions = expect(SEQUENCE, extensions)?.0;
    loop {
        let (extension, after) = expect(SEQUENCE, extensions)?;
        let (identifier, rest) = expect(OBJECT_IDENTIFIER, extension)?;
        let rest = expect(BOOLEAN, rest).map_or(rest, |(_critical, rest)| rest);
        if identifier == SUBJECT_ALT_NAME {
            return expect(OCTET_STRING, rest).map(|(value, _)| value);
        }
        extensions = after;
    }
}

fn expect(wanted: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (tag, value, rest) = element(der)?;
    (tag == wanted).then_some((value, rest))
}

/// One element of DER: its tag, its content, and what follows it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let octets = usize::from(first & 0x7f);
        if octets == 0 || octets > 4 {
            return None;
        }
        let (length, rest) = rest.split_at_checked(octets)?;
        (length.iter().fold(0, |length, &octet| length << 8 | usize::from(octet)), rest)
    };
    let (value, rest) = rest.split_at_checked(length)?;
    Some((tag, value, rest))
}
