//! The value of a flag as the kubelet gets it from its unit.
//!
//! kubeadm writes all flags as one Go string into `kubeadm-flags.env`, and systemd splits `$KUBELET_KUBEADM_ARGS` at blanks. Quotes
//! and backslashes keep a blank in its word, and systemd removes them. Sources: kubeadm v1.36.2,
//! cmd/kubeadm/app/phases/kubelet/flags.go; systemd, src/basic/extract-word.c and env-file.c; systemd.service(5), "Command lines".

/// `value` without systemd's quotes and backslashes; `None` if it does not stay in one word, or changes on its way.
#[must_use]
pub(in super::super) fn unquoted(value: &str) -> Option<String> {
    let mut word = String::with_capacity(value.len());
    let mut quote = None;
    let mut rest = value.chars();
    while let Some(c) = rest.next() {
        if is_changed(c) {
            return None;
        }
        match (c, quote) {
            ('\\', _) => word.push(rest.next().filter(|c| !is_changed(*c))?),
            (c, Some(open)) if c == open => quote = None,
            ('\'' | '"', None) => quote = Some(c),
            (' ', None) => return None,
            _ => word.push(c),
        }
    }
    quote.is_none().then_some(word)
}

/// Whether Go writes the character with a backslash that systemd drops: `\n` becomes `n`.
#[must_use]
pub(in super::super) fn is_changed(c: char) -> bool {
    c.is_control() || (c.is_whitespace() && c != ' ')
}

#[cfg(test)]
mod tests {
    use super::unquoted;

    #[test]
    fn values_are_read_as_systemd_reads_them() {
        for (value, expected) in [
            ("", Some("")),
            ("/var/lib/kubelet", Some("/var/lib/kubelet")),
            ("'/mnt/big disk/kubelet'", Some("/mnt/big disk/kubelet")),
            ("/mnt/'big disk'/kubelet", Some("/mnt/big disk/kubelet")),
            ("\"/mnt/big disk\"", Some("/mnt/big disk")),
            ("/mnt/big\\ disk", Some("/mnt/big disk")),
            ("'a\"b'", Some("a\"b")),
            ("\"it's\"", Some("it's")),
            ("it\\'s", Some("it's")),
            ("''", Some("")),
            ("/mnt/big disk", None),
            ("'/mnt/big' disk", None),
            ("it's", None),
            ("'a", None),
            ("\"a'", None),
            ("a\\", None),
            ("'a\nb'", None),
            ("'a\tb'", None),
            ("'a\u{a0}b'", None),
            ("a\\\n", None),
        ] {
            assert_eq!(unquoted(value).as_deref(), expected, "{value:?}");
        }
    }
}
