//! Validates bootstrap tokens. Messages never show a token.

use super::super::draft::Draft;
use crate::schema::Kind;

/// `[a-z0-9]{6}.[a-z0-9]{16}` (client-go, cluster-bootstrap token API).
pub(super) fn is_token(text: &str) -> bool {
    let part = |text: &str, length: usize| {
        text.len() == length
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    text.split_once('.')
        .is_some_and(|(id, secret)| part(id, 6) && part(secret, 16))
}

/// `system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]`.
fn is_group(text: &str) -> bool {
    let edge = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    text.strip_prefix("system:bootstrappers:")
        .is_some_and(|rest| {
            rest.len() <= 256
                && rest.bytes().all(|b| edge(b) || matches!(b, b':' | b'-'))
                && rest.bytes().last().is_some_and(edge)
        })
}

/// Checks every token.
pub(super) fn validate(draft: &mut Draft) {
    let kind = Kind::Init;
    for item in draft.items(kind, "bootstrapTokens") {
        let path = format!("{item}.token");
        if draft.get(kind, &path).is_some() && !is_token(&draft.text(kind, &path)) {
            let hint = "use 6 and 16 lower-case letters or digits separated by a dot; `kubeadm token generate` makes such a token";
            draft.error(
                kind,
                &path,
                "the token does not have the form `[a-z0-9]{6}.[a-z0-9]{16}`",
                hint,
            );
        }
        let usages: Vec<(String, String)> = draft.texts(kind, &format!("{item}.usages"));
        for (path, usage) in &usages {
            if !matches!(usage.as_str(), "signing" | "authentication") {
                let message = format!("unknown usage `{}`", usage.escape_debug());
                draft.error(kind, path, message, "use one of signing, authentication");
            }
        }
        let groups = draft.texts(kind, &format!("{item}.groups"));
        for (path, group) in &groups {
            if !is_group(group) {
                let message = format!("`{}` is not a valid bootstrap group", group.escape_debug());
                draft.error(
                    kind,
                    path,
                    message,
                    "for example `system:bootstrappers:kubeadm:default-node-token`",
                );
            }
        }
        if !groups.is_empty() && !usages.iter().any(|(_, usage)| usage == "authentication") {
            // An empty list gets the default group, so kubeadm's API has no way to write a token for signing only.
            let path = format!("{item}.groups");
            draft.error(
                kind,
                &path,
                "groups need the usage `authentication`",
                "add it to `usages`",
            );
        }
        let expires = format!("{item}.expires");
        if draft.get(kind, &expires).is_some() {
            let message =
                "it cannot be combined with `ttl`, which kubeadm sets to 24h if it is missing";
            draft.error(kind, &expires, message, "set `ttl` instead");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_and_groups_have_kubeadms_form() {
        assert!(is_token("abcdef.0123456789abcdef"));
        for bad in [
            "",
            "abcdef.0123456789abcde",
            "ABCDEF.0123456789abcdef",
            "abcdef0123456789abcdef",
            "abcdef.0123456789abcdef\n",
        ] {
            assert!(!is_token(bad), "{bad}");
        }
        assert!(is_group("system:bootstrappers:a:b-c"));
        for bad in [
            "system:bootstrappers:",
            "system:masters",
            "system:bootstrappers:a-",
            "system:bootstrappers:A",
        ] {
            assert!(!is_group(bad), "{bad}");
        }
    }
}
