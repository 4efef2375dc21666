use super::*;

fn json(node: &Node) -> serde_json::Value {
    match &node.data {
        Data::Null => serde_json::Value::Null,
        Data::Bool(value) => (*value).into(),
        Data::Int(value) => i64::try_from(*value).unwrap().into(),
        Data::Float(value) => (*value).into(),
        Data::String(text) => text.clone().into(),
        Data::Seq(items) => items.iter().map(json).collect(),
        Data::Map(entries) => entries
            .iter()
            .map(|entry| (entry.key.clone(), json(&entry.value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
    }
}

#[test]
fn documents_keep_their_lines_and_empty_ones_are_skipped() {
    let text = "# only a comment\n---\n---\na: 1\n---\n# again\n---\nb:\n  - c: x\n...\n---\n";
    let documents = read(text).unwrap();
    assert_eq!(documents.len(), 2);
    assert_eq!(json(&documents[0]), serde_json::json!({"a": 1}));
    let Data::Map(entries) = &documents[1].data else {
        panic!()
    };
    assert_eq!(entries[0].position, Position { line: 8, column: 1 });
    let Data::Seq(items) = &entries[0].value.data else {
        panic!()
    };
    let Data::Map(inner) = &items[0].data else {
        panic!()
    };
    assert_eq!(inner[0].position, Position { line: 9, column: 5 });
    assert_eq!(inner[0].value.position, Position { line: 9, column: 8 });
}

#[test]
fn byte_order_mark_and_crlf_do_not_change_values() {
    let plain = read("a: 1\nb: |\n  x\n  y\n").unwrap();
    let windows = read("\u{feff}a: 1\r\nb: |\r\n  x\r\n  y\r\n").unwrap();
    assert_eq!(json(&plain[0]), json(&windows[0]));
}

#[test]
fn quotes_make_strings_and_tags_are_obeyed() {
    let read_one = |text: &str| read(text).map(|documents| json(&documents[0]));
    assert_eq!(
        read_one("a: 'yes'\nb: \"012\"\nc: !!str 5\nd: |\n  no\n").unwrap(),
        serde_json::json!({"a": "yes", "b": "012", "c": "5", "d": "no\n"})
    );
    assert_eq!(
        read_one("y: n").unwrap(),
        serde_json::json!({"true": false})
    );
    assert!(matches!(
        read("a: !!binary aGk="),
        Err(ReadError::Tag { .. })
    ));
    assert!(matches!(read("a: !Custom x"), Err(ReadError::Tag { .. })));
    assert!(matches!(
        read("a: !!int x"),
        Err(ReadError::NotOfTag { .. })
    ));
}

#[test]
fn aliases_and_merge_keys_are_expanded() {
    let text = "base: &base {x: 1, y: [2]}\nalias: *base\nmerged:\n  <<: *base\n  z: 3\nmany:\n  <<: [*base, {w: 4}]\n";
    assert_eq!(
        json(&read(text).unwrap()[0]),
        serde_json::json!({
            "base": {"x": 1, "true": [2]},
            "alias": {"x": 1, "true": [2]},
            "merged": {"x": 1, "true": [2], "z": 3},
            "many": {"x": 1, "true": [2], "w": 4},
        })
    );
    // An anchor is valid only in its document.
    assert!(matches!(
        read("a: &x 1\n---\nb: *x\n"),
        Err(ReadError::Syntax { .. })
    ));
    assert!(matches!(read("a: {<<: 1}"), Err(ReadError::Merge(_))));
    assert!(matches!(
        read("a: &a [*a]"),
        Err(ReadError::Recursive(_) | ReadError::Syntax { .. })
    ));
}

#[test]
fn duplicate_keys_are_kept() {
    let documents = read("base: &b {x: 1}\nm: {<<: *b, x: 2}\nm: 3\n").unwrap();
    let Data::Map(entries) = &documents[0].data else {
        panic!()
    };
    assert_eq!(entries.iter().filter(|entry| entry.key == "m").count(), 2);
    let Data::Map(merged) = &entries[1].value.data else {
        panic!()
    };
    assert_eq!(merged.iter().filter(|entry| entry.key == "x").count(), 2);
}

#[test]
fn limits_are_errors_with_a_place() {
    let deep = "[".repeat(MAX_DEPTH + 1) + &"]".repeat(MAX_DEPTH + 1);
    let over = |text: &str| match read(text) {
        Err(ReadError::OverBudget { over, .. }) => Some(over),
        _ => None,
    };
    assert_eq!(over(&deep), Some(OverBudget::Depth));
    let fine = "[".repeat(MAX_DEPTH) + &"]".repeat(MAX_DEPTH);
    assert!(read(&fine).is_ok());
    let flood = "[".repeat(100_000);
    assert!(read(&flood).is_err());
    let large = format!("a: \"{}\"", "x".repeat(MAX_SIZE));
    assert!(matches!(read(&large), Err(ReadError::TooLarge(_))));
    let mut laughs = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..9 {
        let previous = format!("*a{}", level - 1);
        laughs += &format!(
            "a{level}: &a{level} [{}]\n",
            [previous.as_str(); 10].join(", ")
        );
    }
    assert_eq!(over(&laughs), Some(OverBudget::Values));
    let mut ladder = String::from("a0: &a0 [x]\n");
    for level in 1..200 {
        ladder += &format!("a{level}: &a{level} [*a{}]\n", level - 1);
    }
    assert_eq!(over(&ladder), Some(OverBudget::Depth));
    assert_eq!(
        over(&"---\na: 1\n".repeat(1001)),
        Some(OverBudget::Documents)
    );
    assert!(over(&"---\na: 1\n".repeat(1000)).is_none());
    assert_eq!(
        over(&format!("? {}\n: 1", "k".repeat(MAX_KEY + 1))),
        Some(OverBudget::Key)
    );
    assert!(read(&format!("? {}\n: 1", "k".repeat(MAX_KEY))).is_ok());
}

#[test]
fn an_alias_counts_with_the_bytes_that_it_expands_to() {
    let over = |text: &str| match read(text) {
        Err(ReadError::OverBudget { over, .. }) => Some(over),
        _ => None,
    };
    let aliases = |count: usize, bytes: usize| {
        let text = "x".repeat(bytes);
        format!("a: &a {text}\nb: [{}]\n", vec!["*a"; count].join(", "))
    };
    assert_eq!(over(&aliases(30_000, 128 * 1024)), Some(OverBudget::Bytes));
    assert_eq!(over(&aliases(60, 128 * 1024)), None);
    assert_eq!(over(&aliases(63, 128 * 1024)), Some(OverBudget::Bytes));
    // Merge keys count with the entries that they add.
    let merged = format!(
        "a: &a {{k: {}}}\nb:\n{}",
        "x".repeat(128 * 1024),
        "- <<: *a\n".repeat(70)
    );
    assert_eq!(over(&merged), Some(OverBudget::Bytes));
    // A long key is part of the path of everything below it.
    let below = |key: usize| format!("? {}\n: [{}]", "k".repeat(key), "1, ".repeat(50_000));
    assert_eq!(over(&below(300)), Some(OverBudget::Bytes));
    assert_eq!(over(&below(64)), None);
    // Nested anchors keep several copies of the same text.
    let nested = format!(
        "{}{}{}",
        (0..60).map(|n| format!("&a{n} [")).collect::<String>(),
        "x".repeat(256 * 1024),
        "]".repeat(60)
    );
    assert_eq!(over(&nested), Some(OverBudget::Bytes));
}

#[test]
fn a_budget_is_shared_by_the_texts_that_are_read_with_it() {
    let mut budget = Budget::default();
    let text = format!("a: {}", "x".repeat(3 * 1024 * 1024));
    assert!(read_within(&text, &mut budget).is_ok());
    assert!(read_within(&text, &mut budget).is_ok());
    let error = read_within(&text, &mut budget).unwrap_err();
    assert!(error.to_string().contains("8388608 bytes"), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("alias")));
}

#[test]
fn bad_yaml_names_its_line() {
    let error = read("a: 1\nb: [1, 2\nc: 3\n").unwrap_err();
    assert!(error.position().unwrap().line >= 2, "{error}");
    assert!(matches!(
        read("? [a]\n: 1\n"),
        Err(ReadError::Key {
            found: "a list",
            ..
        })
    ));
    assert!(matches!(
        read("~: 1\n"),
        Err(ReadError::Key { found: "null", .. })
    ));
}

#[test]
fn a_plain_value_in_braces_does_not_start_with_a_colon() {
    for text in ["a: {b: ::1}", "a: [::1]", "a:\n- {b: [c, ::1]}\n"] {
        let error = read(text).unwrap_err();
        assert!(matches!(error, ReadError::Colon(_)), "{text} {error:?}");
        assert!(error.hint().is_some());
    }
    for text in [
        "a: ::1",
        "a: {b: fd00::1, c: '::1'}",
        "a: {b: 1}\nc: ::1\n",
        "- [a]\n- ::1\n",
    ] {
        assert!(read(text).is_ok(), "{text}");
    }
}

#[test]
fn a_tab_is_named_where_it_is() {
    for (text, line, column) in [
        ("a:\n\tb: 1\n", 2, 1),
        ("a: 1\nb:\n  c: 1\n\td: 2\ne: 3\n", 4, 1),
        ("a:\n- b: 1\n \tc: 2\n", 3, 2),
        ("x: 1\na:\n\t- b\n\t- c\n", 3, 1),
    ] {
        match read(text) {
            Err(ReadError::Syntax { position, message }) => {
                assert_eq!((position.line, position.column), (line, column), "{text:?}");
                assert!(message.contains("tab"), "{message}");
            }
            other => panic!("{text:?}: {other:?}"),
        }
    }
    // A tab elsewhere is not the reason, and one in a block of text is content.
    let far = format!(
        "a: |\n  x\n  \ty\n{}b: [\n",
        "c: 1\n".repeat(5).replace('c', "k")
    );
    let Err(error) = read(&far) else {
        panic!("accepted");
    };
    assert!(!error.to_string().contains("tab"), "{error}");
    assert!(read("a: |\n  x\n  \ty\n").is_ok());
}
