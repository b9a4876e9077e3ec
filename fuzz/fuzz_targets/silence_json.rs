//! Silences in JSON: as clients set them (`POST /api/v2/silences`), and as an Alertmanager lists them for the fallback.
//! Reading fails in the documented ways only, and what was read comes back when it is shown and read again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tocsin::client::decode_silences;
use tocsin::model::{Silence, Timestamp, decode_silence, push_api_silence};

fuzz_target!(|body: &[u8]| {
    for silence in decode_silences(body).unwrap_or_default().iter().filter(|silence| has_years(silence)) {
        show(silence);
    }
    match decode_silence(body) {
        Ok(silence) if !has_years(&silence) => {}
        Ok(silence) => {
            let shown = show(&silence);
            let again = decode_silence(&shown).expect("what we show can be set");
            assert_same(&silence, &again);
        }
        Err(error) => assert!(matches!(error.status, 400 | 422), "{error}"),
    }
});

/// Whether its times are in the years 0 to 9999: an offset leads beyond, and what is shown then cannot be read.
fn has_years(silence: &Silence) -> bool {
    let years = -62_167_219_200..253_402_300_800;
    [silence.starts_at, silence.ends_at, silence.updated_at]
        .iter()
        .all(|time| years.contains(&time.unix_seconds()))
}

/// The silence as the API shows it, which reads the same.
fn show(silence: &Silence) -> Vec<u8> {
    let mut json = b"[".to_vec();
    push_api_silence(silence, Timestamp::from_unix(1_766_000_000, 0), &mut json);
    json.push(b']');
    let mut again = decode_silences(&json).expect("what we show can be read");
    assert_same(silence, &again.remove(0));
    json[1..json.len() - 1].to_vec()
}

/// But for the times: they are shown with milliseconds.
fn assert_same(one: &Silence, other: &Silence) {
    assert_eq!(one.id, other.id);
    assert_eq!(one.matcher_sets, other.matcher_sets);
    assert_eq!((&one.created_by, &one.comment), (&other.created_by, &other.comment));
    assert_eq!(one.annotations, other.annotations);
}
