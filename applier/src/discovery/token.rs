//! Bootstrap tokens: an id, which is not secret, and a secret.
//!
//! In: text. Out: a [`Token`], or what is wrong with its form; nothing of it is shown.

use std::fmt;

use kubeplan_bundle::secret::SecretBytes;

/// Bytes of the id.
const ID: usize = 6;
/// Bytes of the secret.
const SECRET: usize = 16;

/// A bootstrap token.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token {
    id: String,
    secret: SecretBytes,
}

/// A text that is not a token.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a bootstrap token: it has 6 characters, a `.` and 16 characters, each of a-z and 0-9")]
pub(crate) struct NoToken;

impl Token {
    /// Parses `[a-z0-9]{6}.[a-z0-9]{16}` (Kubernetes, "Authenticating with Bootstrap Tokens"); white space around it is dropped.
    ///
    /// # Errors
    /// [`NoToken`].
    pub(crate) fn parse(text: &SecretBytes) -> Result<Self, NoToken> {
        let text = text.expose().trim_ascii();
        let is_word = |part: &[u8], length| {
            part.len() == length
                && part
                    .iter()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        let (id, rest) = text.split_at_checked(ID).ok_or(NoToken)?;
        let secret = rest.strip_prefix(b".").ok_or(NoToken)?;
        if !is_word(id, ID) || !is_word(secret, SECRET) {
            return Err(NoToken);
        }
        Ok(Self {
            id: String::from_utf8(id.to_vec()).map_err(|_| NoToken)?,
            secret: SecretBytes::new(secret.to_vec()),
        })
    }

    /// The part that is not secret.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The secret part.
    pub(super) const fn secret(&self) -> &SecretBytes {
        &self.secret
    }

    /// The whole token, as a client shows it.
    pub(super) fn bearer(&self) -> SecretBytes {
        let mut text = Vec::with_capacity(ID + 1 + SECRET);
        text.extend_from_slice(self.id.as_bytes());
        text.push(b'.');
        text.extend_from_slice(self.secret.expose());
        SecretBytes::new(text)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({}.<secret>)", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Token, NoToken> {
        Token::parse(&SecretBytes::from_text(text.to_owned()))
    }

    #[test]
    fn tokens_have_one_form_and_are_not_shown() {
        let token = parse("07401b.f395accd246ae52d\n").unwrap();
        assert_eq!(token.id(), "07401b");
        assert_eq!(token.bearer().expose(), b"07401b.f395accd246ae52d");
        assert_eq!(format!("{token:?}"), "Token(07401b.<secret>)");
        for bad in [
            "",
            "07401b",
            "07401b.",
            "07401b.f395accd246ae52",
            "07401b.f395accd246ae52d0",
            "07401B.f395accd246ae52d",
            "07401bf395accd246ae52d0",
            "07401b.f395accd246ae5_d",
            "é7401.f395accd246ae52d",
        ] {
            assert_eq!(parse(bad).err(), Some(NoToken), "{bad}");
        }
    }
}
