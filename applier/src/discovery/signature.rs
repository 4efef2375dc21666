//! The signature of `cluster-info`: a detached JWS, made with a bootstrap token.
//!
//! In: a token, the signed text. Out: the signature as it is stored. It is compared as text, so nothing that a stranger
//! wrote is parsed (RFC 7515 appendix F; Kubernetes, `cluster-bootstrap/token/jws`).

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::token::Token;

/// The signature of `content` with `token`: `HEADER..SIGNATURE`.
pub(super) fn sign(token: &Token, content: &str) -> String {
    // The bytes of the header are part of what is signed: no other order, no spaces.
    let header = format!(r#"{{"alg":"HS256","kid":"{}"}}"#, token.id());
    let header = URL_SAFE_NO_PAD.encode(header);
    let key = hmac::Key::new(hmac::HMAC_SHA256, token.secret().expose());
    let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(content));
    let tag = hmac::sign(&key, signed.as_bytes());
    format!("{header}..{}", URL_SAFE_NO_PAD.encode(tag))
}

/// Whether `signature` is the one of `content` with `token`.
pub(super) fn holds(token: &Token, content: &str, signature: &str) -> bool {
    verify_slices_are_equal(sign(token, content).as_bytes(), signature.as_bytes()).is_ok()
}

#[cfg(test)]
mod tests {
    use kubeplan_bundle::secret::SecretBytes;

    use super::*;

    #[test]
    fn the_signature_is_the_clusters_own() {
        let text = "07401b.f395accd246ae52d".to_owned();
        let token = Token::parse(&SecretBytes::from_text(text)).unwrap();
        let short =
            "eyJhbGciOiJIUzI1NiIsImtpZCI6IjA3NDAxYiJ9..xg2rFiyUBSMSSk2HMMXq9c08ExqT1QOiUbUfGIIX31w";
        assert_eq!(sign(&token, "abc"), short);
        let lines = [
            "api".to_owned() + "Version: v1",
            "clusters:".to_owned(),
            "- cluster:".to_owned(),
            "    server: https://10.0.0.1:6443".to_owned(),
            "  name: \"\"".to_owned(),
            "kind: Config".to_owned(),
            String::new(),
        ];
        let content = lines.join("\n");
        assert_eq!(content.len(), 94);
        let long =
            "eyJhbGciOiJIUzI1NiIsImtpZCI6IjA3NDAxYiJ9..gypY3xbTeXMJVZXCAVBrBTreb2aDnQVYXndMktgtg-U";
        assert_eq!(sign(&token, &content), long);
        assert!(holds(&token, "abc", short));
        assert!(!holds(&token, "abd", short));
        assert!(!holds(&token, "abc", &short.replace("..", ".YWJj.")));
        assert!(!holds(&token, "abc", ""));
        let other = SecretBytes::from_text("07401b.f395accd246ae52e".to_owned());
        assert!(!holds(&Token::parse(&other).unwrap(), "abc", short));
    }
}
