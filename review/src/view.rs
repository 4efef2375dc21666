//! The report of `show`: what a bundle contains.

use kubeplan_bundle::index::{Content, Entry, Index, LEFT_OUT_PHASES, Place};
use kubeplan_bundle::seal::Recipient;
use kubeplan_terminal::{Report, Text, table_with_open_end};
use serde::Serialize;

use crate::facts;
use crate::standing::Standing;

/// What one of the programs adds to the report. In JSON its fields stand beside the others.
pub trait More: Serialize {
    /// Lines below the facts about the bundle.
    fn lines(&self) -> Text {
        Text::new()
    }

    /// Tables below the entries.
    fn tables(&self) -> Text {
        Text::new()
    }
}

/// Adds nothing.
#[derive(Serialize)]
pub struct Nothing {}

impl More for Nothing {}

/// The standing of a bundle and its whole content.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct View<'a, M> {
    #[serde(flatten)]
    standing: Standing,
    /// The recipients of the sealed part.
    recipients: Vec<String>,
    index: &'a Index,
    #[serde(flatten)]
    more: M,
    #[serde(skip)]
    notes: Vec<String>,
}

impl<'a, M: More> View<'a, M> {
    /// Of the bundle with this index.
    #[must_use]
    pub fn new(index: &'a Index, standing: Standing, more: M) -> Self {
        let recipients = facts::recipients(index).map(|text| {
            Recipient::parse(text)
                .map_or_else(|_| text.clone(), |recipient| recipient.fingerprint())
        });
        Self {
            recipients: recipients.collect(),
            standing,
            index,
            more,
            notes: Vec::new(),
        }
    }

    /// Adds a remark below the report.
    #[must_use]
    pub fn noted(mut self, note: Option<String>) -> Self {
        self.notes.extend(note);
        self
    }
}

impl<M: More> Report for View<'_, M> {
    const COMMAND: &'static str = "show";

    fn text(&self) -> Text {
        let mut text = Text::of(self.standing.line());
        text.blank();
        text.append(&facts::identity(self.index));
        text.append(&self.facts());
        text.append(&self.more.lines());
        text.append(&annotations(self.index));
        text.blank();
        text.line(format_args!("Entries ({})", self.index.entries.len()));
        let rows: Vec<Vec<String>> = self.index.entries.iter().map(row).collect();
        text.append(&table_with_open_end(
            &["MODE", "OWNER", "SIZE", "KIND", "PHASE", "PATH"],
            &rows,
        ));
        text.blank();
        text.append(&self.more.tables());
        text.extend(self.index.step_lines());
        text
    }

    fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }
}

impl<M> View<'_, M> {
    fn facts(&self) -> Text {
        let index = self.index;
        let platform = &index.target.platform;
        let mut text = Text::of(format_args!(
            "  planned      {} by {} {}",
            index.created, index.planner.name, index.planner.version
        ));
        text.line(format_args!(
            "  apply        after {}, before {}",
            index.apply_after, index.apply_before
        ));
        text.line(format_args!(
            "  platform     {}/{}",
            platform.os, platform.arch
        ));
        let target = &index.target.r#match;
        let mut only = |what: &str, value: Option<String>| {
            text.extend(value.map(|value| format!("  only host    {what} {value}")));
        };
        only("name", target.hostname.clone());
        only("key", target.ssh_host_key.clone());
        only(
            "machine id hash",
            target.machine_id_hash.map(|hash| hash.to_string()),
        );
        for key in self.standing.signed_by() {
            text.line(format_args!("  signed by    {key}"));
        }
        for key in self.standing.approved_by() {
            text.line(format_args!("  approved by  {key}"));
        }
        for recipient in facts::recipients(index) {
            let recipient = facts::shown_recipient(recipient);
            text.line(format_args!("  sealed for   {recipient}"));
        }
        text
    }
}

fn annotations(index: &Index) -> Text {
    let mut text = Text::new();
    for (name, value) in &index.annotations {
        if name == LEFT_OUT_PHASES {
            text.line(format_args!("  left out     phases {value}"));
        } else {
            text.line(format_args!("  annotation   {name}: {value}"));
        }
    }
    if index.test_only {
        text.line("  TEST ONLY    made with public test keys; kubeapply refuses it on a real host");
    }
    text
}

fn row(entry: &Entry) -> Vec<String> {
    let (size, mut kind) = match &entry.content {
        Content::None => (String::new(), "directory".to_owned()),
        Content::Public(blob) => (blob.size.to_string(), "public".to_owned()),
        Content::Sealed(sealed) => (String::new(), format!("sealed {}", sealed.class)),
    };
    if entry.handoff {
        kind.push_str(", handed off");
    }
    let (mode, owner, path) = match &entry.place {
        Place::File(at) | Place::Directory(at) => (
            at.mode.to_string(),
            format!("{}:{}", at.uid, at.gid),
            at.path.to_string(),
        ),
        Place::Object | Place::Payload => (String::new(), String::new(), entry.name.to_string()),
    };
    vec![mode, owner, size, kind, entry.phase.to_string(), path]
}
