//! Words configurations are made of: names, addresses, networks, durations, and texts that YAML writers trip over.
//!
//! In: a source of choices. Out: one word each time, valid where its function says so.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::random::Random;

/// Texts that YAML 1.1 or Go's writer treats specially.
pub const HOSTILE: &[&str] = &[
    "",
    " ",
    "  two",
    "trailing ",
    "yes",
    "no",
    "on",
    "off",
    "y",
    "n",
    "Y",
    "N",
    "true",
    "False",
    "null",
    "Null",
    "~",
    "0",
    "-1",
    "+1",
    "1.5",
    "0x1F",
    "0b1",
    "0o17",
    "012",
    "08",
    "1_000",
    "1e3",
    ".5",
    "5.",
    ".inf",
    "-.Inf",
    ".nan",
    "NaN",
    "Infinity",
    "2001-01-01",
    "2001-01-01T00:00:00Z",
    "12:30",
    "12:30:45",
    "190:20:30",
    "a: b",
    "a:b",
    "a #b",
    "a#b",
    "# x",
    "@x",
    "`x`",
    "*x",
    "&x",
    "!x",
    "!!str x",
    "%x",
    "'x'",
    "\"x\"",
    "it's",
    "say \"hi\"",
    "> x",
    "| x",
    "{x}",
    "{",
    "}",
    "[x]",
    "[",
    "]",
    "- x",
    "-",
    "--",
    "-x",
    "---",
    "...",
    "? x",
    "?x",
    "?",
    ":",
    "::",
    ":x",
    "x:",
    ",",
    ",x",
    "a,b",
    "=",
    "<<",
    "<=",
    "a=b",
    "--a=b",
    "a\tb",
    "\ttab",
    "line\nbreak",
    "line\nbreak\n",
    "one\n\ntwo",
    "end\n\n",
    "\nlead",
    "\n",
    " a\n b\n",
    "C:\\x\\n",
    "\\",
    "$HOME",
    "${X}",
    "%s",
    "é",
    "日本語",
    "naïve café",
    "😀 smile",
    "\u{a0}nbsp",
    "soft\u{ad}hyphen",
    "zero\u{200b}width",
    "<a>&b",
    "\u{e000}",
    "a\u{feff}b",
    "key: [a, b]",
    "{\"a\": 1}",
    "a, b: c",
    "x # y: z",
    "0.0.0.0",
    "::1",
    "1.36.0",
    "10%",
    "100m",
    "1Gi",
];

/// A text for a field that takes any.
pub fn text(random: &mut Random) -> String {
    match random.below(10) {
        0..=4 => random.pick(HOSTILE).to_owned(),
        5 => long(random),
        6 => format!("{}{}", random.pick(HOSTILE), random.pick(HOSTILE)),
        _ => word(random),
    }
}

/// A harmless word.
pub fn word(random: &mut Random) -> String {
    random
        .pick(&[
            "alpha",
            "Beta",
            "gamma-1",
            "delta.two",
            "/var/log/x",
            "a_b",
            "9lives",
            "x",
            "node=1",
            "Zulu",
        ])
        .to_owned()
}

/// Words up to some 250 columns, with single and double spaces, so that Go's writer folds.
fn long(random: &mut Random) -> String {
    let mut text = String::new();
    for _ in 0..random.between(8, 30) {
        text.push_str(random.pick(&[
            "--flag=value",
            "lorem",
            "a",
            "antidisestablishmentarianism",
            "x,y,z",
            "é",
            "#",
            "key:",
            "- ",
            "'q'",
            "\\",
        ]));
        text.push_str(random.pick(&[" ", " ", " ", "  ", ",", "\n"]));
    }
    if random.chance(50) {
        text = text.replace('\n', " ");
    }
    if random.chance(70) {
        text = text.trim().to_owned();
    }
    text
}

/// A DNS-1123 subdomain of at most `longest` characters.
pub fn subdomain(random: &mut Random, longest: usize) -> String {
    let mut name = label(random);
    for _ in 0..random.below(4) {
        let next = format!("{name}.{}", label(random));
        if next.len() <= longest {
            name = next;
        }
    }
    if random.chance(5) {
        name = format!("{name}-{}", "0x".repeat(longest / 2));
        name.truncate(longest.min(name.len()));
    }
    name
}

/// A DNS name that is more than numbers, so that it cannot be taken for an address.
pub fn host_name(random: &mut Random, longest: usize) -> String {
    let name = subdomain(random, longest);
    if name.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        "n0".to_owned()
    } else {
        name
    }
}

fn label(random: &mut Random) -> String {
    random
        .pick(&[
            "cp1", "node", "a", "0", "1", "10", "k8s-api", "example", "com", "x--y", "1e3", "on",
            "true", "null", "123", "local", "master-0", "n0",
        ])
        .to_owned()
}

/// A global unicast IPv4 address.
pub fn ipv4(random: &mut Random) -> String {
    let first = random.between(1, 223);
    let first = if first == 127 { 10 } else { first };
    let (b, c, d) = (random.below(256), random.below(256), random.between(1, 254));
    if first == 169 && b == 254 {
        return "10.1.2.3".to_owned();
    }
    format!("{first}.{b}.{c}.{d}")
}

/// A global unicast IPv6 address in one of its written forms.
pub fn ipv6(random: &mut Random) -> String {
    let groups: Vec<u16> = (0..7)
        .map(|_| {
            if random.chance(50) {
                0
            } else {
                u16::try_from(random.below(65536)).unwrap_or_default()
            }
        })
        .collect();
    let first = if random.chance(50) { 0x2001 } else { 0xfd00 };
    let mut segments = [first, 0, 0, 0, 0, 0, 0, 1];
    for (place, group) in segments.iter_mut().skip(1).zip(groups) {
        *place = group;
    }
    written_v6(random, Ipv6Addr::from(segments))
}

fn written_v6(random: &mut Random, address: Ipv6Addr) -> String {
    match random.below(4) {
        0 => address.to_string().to_uppercase(),
        1 => address
            .segments()
            .map(|segment| format!("{segment:04x}"))
            .join(":"),
        _ => address.to_string(),
    }
}

/// An IPv4 network with a prefix length between the given ones, sometimes with host bits set.
pub fn cidr4(random: &mut Random, from: usize, to: usize) -> String {
    let prefix = random.between(from, to);
    let base = u32::from_be_bytes([10, 0, 0, 0])
        | u32::try_from(random.below(1 << 24)).unwrap_or_default();
    let mask = u32::MAX.checked_shl(u32::try_from(32 - prefix).unwrap_or_default());
    let network = if random.chance(80) {
        base & mask.unwrap_or_default()
    } else {
        base
    };
    format!("{}/{prefix}", Ipv4Addr::from(network))
}

/// An IPv6 network with a prefix length between the given ones, sometimes with host bits set.
pub fn cidr6(random: &mut Random, from: usize, to: usize) -> String {
    let prefix = random.between(from, to);
    let high = u128::from(0xfd00_0000_0000_0000_u64 | (random.bits() >> 16)) << 64;
    let base = high | u128::from(random.bits());
    let mask = u128::MAX
        .checked_shl(u32::try_from(128 - prefix).unwrap_or_default())
        .unwrap_or_default();
    let network = if random.chance(80) { base & mask } else { base };
    let address = written_v6(random, Ipv6Addr::from(network));
    format!("{address}/{prefix}")
}

/// A Go duration that is not negative.
pub fn duration(random: &mut Random) -> String {
    random
        .pick(&[
            "0s", "0", "1s", "5s", "10s", "90s", "15s", "1m", "1m30s", "4m0s", "1h", "1.5h",
            "100ms", "1500ms", "24h", "2h45m", "1us", "300ns", "1m0.5s", "+5m", ".5s", "1h1h",
        ])
        .to_owned()
}
