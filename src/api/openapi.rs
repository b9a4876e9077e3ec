//! `GET /api/v2/swagger.json`: the document that describes API v2, with the names that Alertmanager's has. From it
//! clients are generated.

use http::StatusCode;

use super::answer::{self, Answer};

const DOCUMENT: &str = include_str!("openapi.json");
/// The one place that the route prefix changes.
const BASE_PATH: &str = r#""basePath": "/api/v2/""#;

/// The document, with `prefix` before its base path.
pub(super) fn document(prefix: &str) -> Answer {
    let base_path = format!(r#""basePath": "{}/api/v2/""#, prefix.trim_end_matches('/'));
    answer::json(StatusCode::OK, DOCUMENT.replacen(BASE_PATH, &base_path, 1))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::api::{Route, route};

    /// Every operation of the document is answered, and every reference leads somewhere.
    #[test]
    fn the_document_describes_what_is_there() {
        let document: Value = serde_json::from_str(DOCUMENT).unwrap();
        let mut operations = 0;
        for (path, methods) in document["paths"].as_object().unwrap() {
            for method in methods.as_object().unwrap().keys().filter(|key| *key != "parameters") {
                let method = method.to_ascii_uppercase().parse().unwrap();
                let path = format!("/api/v2{}", path.replace("{silenceID}", "some-id"));
                assert!(route(&method, &path).is_ok_and(|route| route != Route::OpenApi), "{method} {path}");
                operations += 1;
            }
        }
        assert_eq!(operations, 9);
        for reference in DOCUMENT.split("#/definitions/").skip(1) {
            let name = reference.split('"').next().unwrap();
            assert!(document["definitions"][name].is_object(), "{name}");
        }
        assert!(DOCUMENT.contains(BASE_PATH));
    }
}
