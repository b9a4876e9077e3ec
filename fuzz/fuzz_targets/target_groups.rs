//! Lists of target groups as discovery reads them from files and servers: reading never panics, no label is without a
//! name, and every target has an address.

#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use tocsin::discovery::TargetGroup;

fuzz_target!(|data: &[u8]| {
    if let Ok(groups) = TargetGroup::from_json(data) {
        check(&groups);
    }
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(groups) = TargetGroup::from_yaml(Path::new("targets.yml"), text)
    {
        check(&groups);
    }
    // The other decoder of bytes from outside that needs no state: the names of a client's certificate.
    for name in tocsin::net::alternative_names(data) {
        assert!(name.len() <= data.len().max(39));
    }
});

fn check(groups: &[TargetGroup]) {
    for group in groups {
        assert!(group.labels.get("").is_none(), "a label without a name");
        assert!(group.targets.iter().all(|target| target.get("__address__").is_some()));
    }
}
