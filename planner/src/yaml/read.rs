//! Parses YAML text into trees of nodes with their lines and columns.
//!
//! In: the text of one file. Out: its documents, every scalar resolved by the rules of go-yaml v2 (YAML 1.1: unquoted
//! `yes`, `on`, `y` are booleans, `012` is octal), so that a file means the same as in kubeadm. Aliases and merge keys (`<<`)
//! are expanded. Duplicate keys are kept, so that the caller can report the field's path. Memory is bounded: the size of a
//! text is limited, and every value, also one that an alias expands to, is subtracted from a [`Budget`] before it is built.
//!
//! Documents without content (nothing, or only comments) are skipped, wherever they are. kubeadm refuses a document that has
//! only comments. Documents after an empty one are never dropped.
//!
//! This is the only module that uses the YAML parser.

mod scalar;

use std::collections::HashMap;

use kubeplan_bundle::yaml_budget::{Budget, MAX_DEPTH, MAX_KEY, OverBudget};
use serde_yaml::granit_parser::{
    Event, Marker, Parser, ScalarStyle, ScanError, Span, StructureStyle, Tag,
};

/// The largest accepted text, in bytes.
pub const MAX_SIZE: usize = 4 * 1024 * 1024;
/// Length of a key, in bytes, up to which it counts as one value of the budget.
const ORDINARY_KEY: usize = 64;

/// A place in the text, both counted from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line.
    pub line: u64,
    /// Column, in characters.
    pub column: u64,
}

/// One value and where it starts.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where the value starts; for a value that an alias expands to, where the anchor's value was written.
    pub position: Position,
    /// The value.
    pub data: Data,
    /// Whether the value is an unquoted integer that has another value in YAML 1.2, because it starts with 0: `0644`.
    pub octal: bool,
}

/// The value of a [`Node`].
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// `null`, `~` or nothing.
    Null,
    /// A boolean, also `yes`, `off`, `n`, ….
    Bool(bool),
    /// A 64-bit integer, signed or unsigned.
    Int(i128),
    /// A floating-point number, also infinite or not a number.
    Float(f64),
    /// A string.
    String(String),
    /// A list.
    Seq(Vec<Node>),
    /// A mapping in the order written; a key may occur twice.
    Map(Vec<Entry>),
}

/// One entry of a mapping.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key as text; a boolean or number key as Go prints it.
    pub key: String,
    /// Where the key starts.
    pub position: Position,
    /// The value.
    pub value: Node,
}

/// Why a text cannot be read.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum ReadError {
    /// The text is larger than [`MAX_SIZE`].
    #[error("the file has {0} bytes; the limit is {MAX_SIZE}")]
    TooLarge(usize),
    /// The text is not valid YAML.
    #[error("not valid YAML: {message}")]
    Syntax {
        /// Where.
        position: Position,
        /// The parser's message.
        message: String,
    },
    /// A limit of the budget is exceeded.
    #[error("{over}")]
    OverBudget {
        /// Where.
        position: Position,
        /// Which limit is exceeded.
        over: OverBudget,
    },
    /// A key that is a list, a mapping or null.
    #[error("a key must be a string, not {found}")]
    Key {
        /// Where.
        position: Position,
        /// What it is.
        found: &'static str,
    },
    /// A tag other than the plain scalar ones.
    #[error("the tag `{tag}` is not supported")]
    Tag {
        /// Where.
        position: Position,
        /// The tag.
        tag: String,
    },
    /// A scalar that does not match its tag.
    #[error("the value is not a valid `{tag}`")]
    NotOfTag {
        /// Where.
        position: Position,
        /// The tag.
        tag: String,
    },
    /// An alias inside the value that it names.
    #[error("an alias refers to a value that contains it")]
    Recursive(Position),
    /// A plain value that starts with `:` in a collection in braces or brackets.
    #[error("a value in `{{…}}` or `[…]` cannot start with `:`")]
    Colon(Position),
    /// `<<` with a value that is not a mapping.
    #[error("`<<` takes a mapping or a list of mappings")]
    Merge(Position),
}

impl ReadError {
    /// The place in the text, if the error has one.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        match self {
            Self::TooLarge(_) => None,
            Self::Syntax { position, .. }
            | Self::Key { position, .. }
            | Self::Tag { position, .. }
            | Self::NotOfTag { position, .. }
            | Self::OverBudget { position, .. }
            | Self::Recursive(position)
            | Self::Colon(position)
            | Self::Merge(position) => Some(*position),
        }
    }

    /// What to do about the error, if its message does not say it.
    #[must_use]
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::OverBudget { over, .. } => Some(over.hint()),
            Self::Colon(_) => Some("put it in quotes, for example `\"::1\"`"),
            _ => None,
        }
    }
}

/// Reads every document of `text` that has content, with a budget of its own.
///
/// # Errors
/// As [`read_within`].
pub fn read(text: &str) -> Result<Vec<Node>, ReadError> {
    read_within(text, &mut Budget::default())
}

/// Reads every document of `text` that has content. Expanded values are subtracted from `budget`.
///
/// # Errors
/// [`ReadError`] at the first place that is not valid YAML or that exceeds a limit.
pub fn read_within(text: &str, budget: &mut Budget) -> Result<Vec<Node>, ReadError> {
    if text.len() > MAX_SIZE {
        return Err(ReadError::TooLarge(text.len()));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    read_documents(text, budget).map_err(|error| named_tab(text, error))
}

/// How many lines away from a tab the parser may notice that it is wrong.
const TAB_REACH: u64 = 2;

/// The error, at the tab that explains it: the parser reads a tab in an indentation as part of the line before, and names another line.
fn named_tab(text: &str, error: ReadError) -> ReadError {
    let ReadError::Syntax { position, .. } = &error else {
        return error;
    };
    let tabs = (1..).zip(text.lines()).filter_map(|(line, content)| {
        let rest = content.trim_start_matches([' ', '\t']);
        let indent = content.strip_suffix(rest).filter(|_| !rest.is_empty())?;
        let spaces = indent.find('\t')?;
        let column = u64::try_from(spaces).unwrap_or_default() + 1;
        Some(Position { line, column })
    });
    let distance = |tab: &Position| tab.line.abs_diff(position.line);
    let near = tabs
        .filter(|tab| distance(tab) <= TAB_REACH)
        .min_by_key(distance);
    near.map_or(error, |position| ReadError::Syntax {
        position,
        message: "the line is indented with a tab; use spaces".to_owned(),
    })
}

fn read_documents(text: &str, budget: &mut Budget) -> Result<Vec<Node>, ReadError> {
    let mut reader = Reader {
        events: Box::new(Parser::new_from_str(text)),
        anchors: HashMap::new(),
        flow: Vec::new(),
        budget,
    };
    let mut documents = Vec::new();
    while let Some((event, span)) = reader.next()? {
        match event {
            Event::DocumentStart(..) => {
                let taken = reader.budget.take_document();
                within(taken, position(&span.start))?;
                reader.anchors.clear();
            }
            Event::DocumentEnd => reader.anchors.clear(),
            Event::StreamStart | Event::StreamEnd => {}
            event => {
                // The parser represents a missing value by a scalar that covers no text.
                let empty = matches!(&event, Event::Scalar(_, ScalarStyle::Plain, 0, None))
                    && span.is_empty();
                let node = reader.node(event, span, 1)?.node;
                if !empty {
                    documents.push(node);
                }
            }
        }
    }
    Ok(documents)
}

/// A complete node with the cost of copying it.
#[derive(Clone)]
struct Built {
    node: Node,
    cost: Cost,
}

/// The size of a node.
#[derive(Clone, Copy, Default)]
struct Cost {
    /// Number of values: itself and everything below it.
    values: usize,
    /// Bytes of text in these values.
    bytes: usize,
    /// Number of levels.
    depth: usize,
}

impl Cost {
    /// The size of a value without children.
    const fn of_one(bytes: usize) -> Self {
        Self {
            values: 1,
            bytes,
            depth: 1,
        }
    }

    /// Adds a node one level below.
    fn add(&mut self, below: Self) {
        self.values += below.values;
        self.bytes += below.bytes;
        self.depth = self.depth.max(below.depth + 1);
    }
}

type Events<'a> = Box<dyn Iterator<Item = Result<(Event<'a>, Span), ScanError>> + 'a>;

struct Reader<'a> {
    events: Events<'a>,
    /// Complete anchored nodes by the parser's number; `None` while a node is being built.
    anchors: HashMap<usize, Option<Built>>,
    /// For each open collection, the outermost first, whether it is written as `{…}` or `[…]`.
    flow: Vec<bool>,
    budget: &'a mut Budget,
}

/// Adds the place to the result of a budget.
fn within(answer: Result<(), OverBudget>, position: Position) -> Result<(), ReadError> {
    answer.map_err(|over| ReadError::OverBudget { position, over })
}

fn position(marker: &Marker) -> Position {
    Position {
        line: marker.line() as u64,
        column: marker.col() as u64 + 1,
    }
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<Option<(Event<'a>, Span)>, ReadError> {
        loop {
            match self.events.next() {
                None => return Ok(None),
                Some(Ok((event, span))) => {
                    self.note_flow(&event, &span)?;
                    if event.is_node()
                        || matches!(
                            event,
                            Event::SequenceEnd
                                | Event::MappingEnd
                                | Event::DocumentStart(..)
                                | Event::DocumentEnd
                                | Event::StreamStart
                                | Event::StreamEnd
                        )
                    {
                        return Ok(Some((event, span)));
                    }
                }
                Some(Err(error)) => {
                    return Err(ReadError::Syntax {
                        position: position(error.marker()),
                        message: error.info(),
                    });
                }
            }
        }
    }

    /// Notes where collections begin and end. As go-yaml does, refuses a plain value that starts with `:` in `{…}` or `[…]`.
    fn note_flow(&mut self, event: &Event<'_>, span: &Span) -> Result<(), ReadError> {
        match event {
            Event::SequenceStart(style, ..) | Event::MappingStart(style, ..) => {
                self.flow.push(*style == StructureStyle::Flow);
            }
            Event::SequenceEnd | Event::MappingEnd => drop(self.flow.pop()),
            Event::Scalar(text, ScalarStyle::Plain, ..)
                if text.starts_with(':') && self.flow.contains(&true) =>
            {
                return Err(ReadError::Colon(position(&span.start)));
            }
            _ => {}
        }
        Ok(())
    }

    /// Returns the next event inside a collection, where the stream cannot end.
    fn expect(&mut self) -> Result<(Event<'a>, Span), ReadError> {
        self.next()?.ok_or_else(|| ReadError::Syntax {
            position: Position::default(),
            message: "unexpected end of the text".to_owned(),
        })
    }

    fn take(&mut self, cost: Cost, at: Position) -> Result<(), ReadError> {
        within(self.budget.take(cost.values, cost.bytes), at)
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Built, ReadError> {
        let at = position(&span.start);
        let deepest = |levels| {
            let over = OverBudget::Depth;
            let answer = if levels > MAX_DEPTH {
                Err(over)
            } else {
                Ok(())
            };
            within(answer, at)
        };
        deepest(depth)?;
        let octal =
            matches!(&event, Event::Scalar(text, ScalarStyle::Plain, ..) if scalar::is_octal(text));
        let (data, anchor, cost) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let cost = Cost::of_one(text.len());
                self.take(cost, at)?;
                let data = scalar_data(&text, style, tag.as_deref(), at)?;
                (data, anchor, cost)
            }
            Event::SequenceStart(_, anchor, tag) => {
                check_collection_tag(tag.as_deref(), "seq", at)?;
                self.anchors.insert(anchor, None);
                self.take(Cost::of_one(0), at)?;
                let (items, cost) = self.sequence(depth)?;
                (Data::Seq(items), anchor, cost)
            }
            Event::MappingStart(_, anchor, tag) => {
                check_collection_tag(tag.as_deref(), "map", at)?;
                self.anchors.insert(anchor, None);
                self.take(Cost::of_one(0), at)?;
                let (entries, cost) = self.mapping(depth)?;
                (Data::Map(entries), anchor, cost)
            }
            Event::Alias(anchor) => {
                let Some(Some(built)) = self.anchors.get(&anchor) else {
                    return Err(ReadError::Recursive(at));
                };
                let Cost {
                    values,
                    bytes,
                    depth: below,
                } = built.cost;
                deepest(depth - 1 + below)?;
                within(self.budget.take(values, bytes), at)?;
                return Ok(built.clone());
            }
            _ => {
                return Err(ReadError::Syntax {
                    position: at,
                    message: "expected a value".to_owned(),
                });
            }
        };
        let built = Built {
            node: Node {
                position: at,
                data,
                octal,
            },
            cost,
        };
        // The parser numbers anchors from 1; 0 means none.
        if anchor != 0 {
            // The kept copy costs as much: nested anchors keep several copies of the same values.
            self.take(cost, at)?;
            self.anchors.insert(anchor, Some(built.clone()));
        }
        Ok(built)
    }

    fn sequence(&mut self, depth: usize) -> Result<(Vec<Node>, Cost), ReadError> {
        let (mut items, mut cost) = (Vec::new(), Cost::of_one(0));
        loop {
            let (event, span) = self.expect()?;
            if matches!(event, Event::SequenceEnd) {
                return Ok((items, cost));
            }
            let built = self.node(event, span, depth + 1)?;
            cost.add(built.cost);
            items.push(built.node);
        }
    }

    fn mapping(&mut self, depth: usize) -> Result<(Vec<Entry>, Cost), ReadError> {
        let (mut entries, mut cost) = (Vec::new(), Cost::of_one(0));
        loop {
            let (event, span) = self.expect()?;
            if matches!(event, Event::MappingEnd) {
                return Ok((entries, cost));
            }
            let merge =
                matches!(&event, Event::Scalar(text, ScalarStyle::Plain, _, _) if text == "<<");
            let key = self.node(event, span, depth + 1)?;
            cost.add(key.cost);
            let key = key.node;
            let (event, span) = self.expect()?;
            let at = position(&span.start);
            let value = self.node(event, span, depth + 1)?;
            cost.add(value.cost);
            // Findings name a value by its path, so a long key counts once for each value below it.
            if let Data::String(key) = &key.data
                && key.len() > ORDINARY_KEY
            {
                let bytes = key.len().saturating_mul(value.cost.values);
                within(self.budget.take(0, bytes), at)?;
                cost.bytes = cost.bytes.saturating_add(bytes);
            }
            if merge {
                merge_into(&mut entries, value.node)?;
            } else {
                entries.push(Entry {
                    key: key_text(&key)?,
                    position: key.position,
                    value: value.node,
                });
            }
        }
    }
}

/// Adds the entries of a merge key. An entry that is also set otherwise stays as a duplicate, which strict decoding in Go
/// refuses.
fn merge_into(entries: &mut Vec<Entry>, value: Node) -> Result<(), ReadError> {
    match value.data {
        Data::Map(merged) => entries.extend(merged),
        Data::Seq(items) => {
            for item in items {
                match item.data {
                    Data::Map(merged) => entries.extend(merged),
                    _ => return Err(ReadError::Merge(item.position)),
                }
            }
        }
        _ => return Err(ReadError::Merge(value.position)),
    }
    Ok(())
}

fn key_text(key: &Node) -> Result<String, ReadError> {
    let found = match &key.data {
        Data::String(text) if text.len() > MAX_KEY => {
            return Err(ReadError::OverBudget {
                position: key.position,
                over: OverBudget::Key,
            });
        }
        Data::String(text) => return Ok(text.clone()),
        Data::Bool(value) => return Ok(value.to_string()),
        Data::Int(value) => return Ok(value.to_string()),
        Data::Float(value) => return Ok(value.to_string()),
        Data::Null => "null",
        Data::Seq(_) => "a list",
        Data::Map(_) => "a mapping",
    };
    Err(ReadError::Key {
        position: key.position,
        found,
    })
}

const CORE: &str = "tag:yaml.org,2002:";

fn tag_name(tag: &Tag) -> String {
    let full = format!("{}{}", tag.handle(), tag.suffix());
    match full.strip_prefix(CORE) {
        Some(short) => format!("!!{short}"),
        None => full,
    }
}

fn check_collection_tag(tag: Option<&Tag>, kind: &str, at: Position) -> Result<(), ReadError> {
    match tag.map(tag_name) {
        None => Ok(()),
        Some(name) if name == "!" || name == format!("!!{kind}") => Ok(()),
        Some(tag) => Err(ReadError::Tag { position: at, tag }),
    }
}

fn scalar_data(
    text: &str,
    style: ScalarStyle,
    tag: Option<&Tag>,
    at: Position,
) -> Result<Data, ReadError> {
    let Some(name) = tag.map(tag_name) else {
        return Ok(if style == ScalarStyle::Plain {
            scalar::resolve(text)
        } else {
            Data::String(text.to_owned())
        });
    };
    let data = match (name.as_str(), scalar::resolve(text)) {
        ("!" | "!!str", _) => Some(Data::String(text.to_owned())),
        ("!!bool", data @ Data::Bool(_))
        | ("!!int", data @ Data::Int(_))
        | ("!!float", data @ Data::Float(_))
        | ("!!null", data @ Data::Null) => Some(data),
        #[expect(clippy::cast_precision_loss, reason = "go-yaml converts the same way")]
        ("!!float", Data::Int(value)) => Some(Data::Float(value as f64)),
        ("!!bool" | "!!int" | "!!float" | "!!null", _) => None,
        _ => {
            return Err(ReadError::Tag {
                position: at,
                tag: name,
            });
        }
    };
    data.ok_or(ReadError::NotOfTag {
        position: at,
        tag: name,
    })
}

#[cfg(test)]
mod tests;
