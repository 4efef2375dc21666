//! Warnings and notes about nodes, each said once for all nodes that it is true of.

use kubeplan_bundle::index::Name;

use super::notice::Notice;
use super::observer::Observer;

/// The number of names that a message lists before it counts the rest.
const NAMED: usize = 3;

/// Lines about nodes, each with the nodes it is true of.
#[derive(Debug, Default)]
pub struct Notices(Vec<(Notice, Vec<Name>)>);

impl Notices {
    /// Adds notices about `node`.
    pub fn add(&mut self, node: Option<&Name>, notices: impl IntoIterator<Item = Notice>) {
        for notice in notices {
            let position = self.0.iter().position(|(known, _)| *known == notice);
            match position.and_then(|position| self.0.get_mut(position)) {
                Some((_, nodes)) => nodes.extend(node.cloned()),
                None => self.0.push((notice, node.cloned().into_iter().collect())),
            }
        }
    }

    /// The lines, each with the names of its nodes if the configuration has several.
    #[must_use]
    pub fn lines(self, several: bool) -> Vec<Notice> {
        let lines = self.0.into_iter().map(|(notice, nodes)| {
            if several {
                let nodes = listed(nodes.iter().map(Name::as_str));
                notice.map(|text| format!("{text} ({nodes})"))
            } else {
                notice
            }
        });
        lines.collect()
    }

    /// Sends every line to `observer`.
    pub fn say(self, several: bool, observer: &mut dyn Observer) {
        for line in self.lines(several) {
            observer.notice(&line);
        }
    }
}

/// Lists names: `cp1`, `cp1 and w1`, `cp1, w1, w2 and 4 more`; never `and 1 more`.
pub fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let mut names: Vec<&str> = names.into_iter().collect();
    if names.len() > NAMED + 1 {
        let more = names.split_off(NAMED).len();
        return format!("{} and {more} more", names.join(", "));
    }
    match (names.pop(), names.is_empty()) {
        (None, _) => String::new(),
        (Some(only), true) => only.to_owned(),
        (Some(last), false) => format!("{} and {last}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_listed_up_to_a_number() {
        for (names, expected) in [
            (&["a"][..], "a"),
            (&["a", "b"], "a and b"),
            (&["a", "b", "c"], "a, b and c"),
            (&["a", "b", "c", "d"], "a, b, c and d"),
            (&["a", "b", "c", "d", "e"], "a, b, c and 2 more"),
            (&[], ""),
        ] {
            assert_eq!(listed(names.iter().copied()), expected);
        }
    }

    #[test]
    fn what_is_true_of_several_nodes_is_said_once() {
        let said = |several| {
            let mut notices = Notices::default();
            for (node, texts) in [("a", &["x", "y"][..]), ("b", &["y"]), ("c", &["y", "z"])] {
                let node: Name = node.parse().unwrap();
                let texts = texts.iter().map(|text| Notice::Note((*text).to_owned()));
                notices.add(Some(&node), texts);
            }
            let lines = notices.lines(several);
            lines.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(
            said(true),
            ["note: x (a)", "note: y (a, b and c)", "note: z (c)"]
        );
        assert_eq!(said(false), ["note: x", "note: y", "note: z"]);
    }
}
