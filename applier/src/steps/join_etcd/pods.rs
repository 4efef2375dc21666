//! What Pods of etcd say of how it is reached.
//!
//! In: a list of Pods, and the name of an annotation. Out: the URLs in it. A Pod that does not say it, and a URL that is not https, are
//! errors: who is left out may be the one that counts.

use crate::net::json::Json;

/// The URLs in the annotation of every Pod.
///
/// # Errors
/// Which Pod has none, or that there is no Pod.
pub(super) fn client_urls(list: &Json, annotation: &str) -> Result<Vec<String>, String> {
    let pods = list.at(["items"]).and_then(|items| items.as_array());
    let mut urls: Vec<String> = Vec::new();
    for pod in pods.into_iter().flatten() {
        let text = |path: [&str; 2]| {
            path.iter()
                .try_fold(pod, |value, key| value.get(key))
                .and_then(|value| value.as_str())
                .unwrap_or_default()
        };
        let name = text(["metadata", "name"]).escape_debug().to_string();
        let said = pod
            .get("metadata")
            .and_then(|metadata| metadata.get("annotations")?.get(annotation)?.as_str())
            .unwrap_or_default();
        let found: Vec<&str> = said
            .split(',')
            .map(str::trim)
            .filter(|url| !url.is_empty())
            .collect();
        if found.is_empty() {
            return Err(format!("Pod {name} has no annotation {annotation}"));
        }
        if let Some(other) = found.iter().find(|url| !url.starts_with("https://")) {
            return Err(format!(
                "Pod {name} says in {annotation} that it answers at `{}`, which is not https",
                other.escape_debug()
            ));
        }
        for url in found {
            if !urls.iter().any(|known| known == url) {
                urls.push(url.to_owned());
            }
        }
    }
    if urls.is_empty() {
        return Err("the API lists no Pod of etcd".to_owned());
    }
    Ok(urls)
}
