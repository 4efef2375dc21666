//! Commands to run next, as they can be typed.

use crate::host::Root;

/// `kubeapply WORDS… [--root DIR]`, quoted for a shell.
pub(crate) fn command(root: &Root, words: &[&str]) -> String {
    let mut line = String::from("kubeapply");
    for word in words {
        line.push(' ');
        line.push_str(&quoted(word));
    }
    if !root.is_live() {
        line.push_str(" --root ");
        line.push_str(&quoted(&root.absolute()));
    }
    line
}

/// The word as a shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-:=+,@%".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_a_shell() {
        assert_eq!(quoted("/a/b-1.tar.gz"), "/a/b-1.tar.gz");
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's"), "'it'\\''s'");
        assert_eq!(quoted(""), "''");
    }
}
