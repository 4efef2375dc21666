//! A tar archive as a tree of files.
//!
//! In: an [`Input`]. Out: the offset of every entry, read once from header to header without reading content; then files by their
//! names. Names may come before or after what they name. Links are followed inside the archive only.

mod header;

use std::collections::HashMap;
use std::collections::hash_map::Entry as MapEntry;
use std::io::{self, Read};

use header::{BLOCK, Header, Kind};

use super::refusal::{Fault, InEntry};
use super::tree::{Found, Input, Region, Tree};

/// The most entries of an archive. The archives of large distributions have some thousands.
const MAX_ENTRIES: u64 = 100_000;
/// The longest name or link target, in bytes.
const MAX_NAME: u64 = 4096;
/// The largest pax record set of an entry, in bytes.
const MAX_PAX: u64 = 64 * 1024;
/// The most bytes of names that are kept.
const MAX_NAMES: u64 = 32 * 1024 * 1024;
/// The most links in a row. Archives of Docker have one.
const MAX_LINKS: usize = 8;

/// An entry of the index.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Entry {
    File {
        offset: u64,
        size: u64,
    },
    Directory,
    /// A name, normalised, or what is wrong with it.
    Link(Result<String, String>),
    Sparse,
    Special,
}

/// A tar archive: its input, and where everything is in it.
pub(super) struct Archive {
    input: Box<dyn Input>,
    entries: HashMap<String, Entry>,
    /// Files that have the same name as an earlier one, and must be equal to it.
    again: Vec<(String, u64, u64)>,
    has_end: bool,
}

impl Archive {
    /// Reads all headers of an uncompressed archive, and compares entries that are there twice.
    pub(super) fn index(input: Box<dyn Input>) -> Result<Self, InEntry> {
        let mut archive = Self {
            input,
            entries: HashMap::new(),
            again: Vec::new(),
            has_end: false,
        };
        archive.read_headers()?;
        archive.compare_repeated()?;
        Ok(archive)
    }

    fn read_headers(&mut self) -> Result<(), InEntry> {
        let end = self.input.size();
        let mut at = 0;
        let mut count = 0;
        let mut names = 0;
        let mut next = Extended::default();
        while at < end {
            let Some(header) = self.header(at)? else {
                self.has_end = true;
                break;
            };
            count += 1;
            limit("the number of entries", count, MAX_ENTRIES)?;
            let content = at + BLOCK;
            // The size that pax states for a file replaces the one in its header.
            let size = match header.kind {
                Kind::File => next.size.unwrap_or(header.size),
                _ => header.size,
            };
            let needed = content.checked_add(size).ok_or(Fault::Tar {
                what: "the entry's size is not possible",
                at,
            })?;
            if needed > end {
                return Err(Fault::CutOff { end, needed }.into());
            }
            // Padding may be missing at the end.
            at = needed.next_multiple_of(BLOCK).min(end.max(needed));
            match header.kind {
                Kind::LongName => next.name = Some(self.extension(content, size, MAX_NAME)?),
                Kind::LongLink => next.link = Some(self.extension(content, size, MAX_NAME)?),
                Kind::Pax => {
                    let records = self.bytes(content, size, "a pax header's size", MAX_PAX)?;
                    next.read_pax(&records, content - BLOCK)?;
                }
                Kind::PaxGlobal | Kind::Other => {}
                _ => {
                    let extended = std::mem::take(&mut next);
                    names += self.add(header, extended, content, size)?;
                    limit("the size of all names", names, MAX_NAMES)?;
                }
            }
        }
        if count == 0 && !self.has_end {
            return Err(Fault::NotAnArchive.into());
        }
        Ok(())
    }

    /// Reads the header at `at`; `None` for the end marker.
    fn header(&self, at: u64) -> Result<Option<Header>, Fault> {
        let end = self.input.size();
        if end - at < BLOCK {
            return Err(if at == 0 {
                Fault::NotAnArchive
            } else {
                Fault::CutOff {
                    end,
                    needed: at + BLOCK,
                }
            });
        }
        let mut block = [0; BLOCK as usize];
        Region::new(&*self.input, at, BLOCK)
            .read_exact(&mut block)
            .map_err(Fault::Io)?;
        if block.iter().all(|b| *b == 0) {
            return Ok(None);
        }
        match Header::parse(&block) {
            Ok(header) => Ok(Some(header)),
            Err(_) if at == 0 => Err(Fault::NotAnArchive),
            Err(what) => Err(Fault::Tar { what, at }),
        }
    }

    /// Adds an entry to the index. Returns how many bytes of names that takes.
    fn add(
        &mut self,
        header: Header,
        extended: Extended,
        offset: u64,
        size: u64,
    ) -> Result<u64, InEntry> {
        let at = offset - BLOCK;
        let written = utf8(extended.name.unwrap_or(header.name), at)?;
        let Some(name) = normalised(&written, "") else {
            return Err(Fault::Outside(written).into());
        };
        let entry = match header.kind {
            Kind::File if extended.sparse => Entry::Sparse,
            Kind::File => Entry::File { offset, size },
            Kind::Directory => Entry::Directory,
            Kind::Symlink | Kind::HardLink => {
                let target = utf8(extended.link.unwrap_or(header.link), at)?;
                let directory = match header.kind {
                    Kind::Symlink => name.rsplit_once('/').map_or("", |(directory, _)| directory),
                    _ => "",
                };
                Entry::Link(normalised(&target, directory).ok_or(target))
            }
            Kind::Sparse => Entry::Sparse,
            _ => Entry::Special,
        };
        let link = match &entry {
            Entry::Link(Ok(target) | Err(target)) => target.len(),
            _ => 0,
        };
        let bytes = (name.len() + link) as u64;
        match self.entries.entry(name) {
            MapEntry::Vacant(vacant) => {
                vacant.insert(entry);
            }
            MapEntry::Occupied(known) => match (known.get(), &entry) {
                (Entry::File { size: first, .. }, Entry::File { offset, size })
                    if first == size =>
                {
                    self.again.push((known.key().clone(), *offset, *size));
                }
                (known, entry) if known == entry => {}
                _ => return Err(InEntry::of(known.key())(Fault::Unequal)),
            },
        }
        Ok(bytes)
    }

    /// Compares files that have the same name.
    fn compare_repeated(&self) -> Result<(), InEntry> {
        for (name, offset, size) in &self.again {
            let Some(Entry::File { offset: first, .. }) = self.entries.get(name) else {
                continue;
            };
            let first = Region::new(&*self.input, *first, *size);
            let second = Region::new(&*self.input, *offset, *size);
            let equal = is_equal(first, second).map_err(Fault::Io);
            if !equal.map_err(InEntry::of(name))? {
                return Err(InEntry::of(name)(Fault::Unequal));
            }
        }
        Ok(())
    }

    /// A name that is the content of an entry of its own.
    fn extension(&self, offset: u64, size: u64, most: u64) -> Result<Vec<u8>, Fault> {
        let mut bytes = self.bytes(offset, size, "a name's length", most)?;
        let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
        bytes.truncate(end);
        Ok(bytes)
    }

    fn bytes(
        &self,
        offset: u64,
        size: u64,
        what: &'static str,
        most: u64,
    ) -> Result<Vec<u8>, Fault> {
        limit(what, size, most)?;
        let mut bytes = Vec::new();
        Region::new(&*self.input, offset, size)
            .read_to_end(&mut bytes)
            .map_err(Fault::Io)?;
        Ok(bytes)
    }
}

fn limit(what: &'static str, number: u64, limit: u64) -> Result<(), Fault> {
    if number > limit {
        return Err(Fault::TooMany { what, limit });
    }
    Ok(())
}

fn utf8(bytes: Vec<u8>, at: u64) -> Result<String, Fault> {
    String::from_utf8(bytes).map_err(|_| Fault::Tar {
        what: "the entry's name is not UTF-8",
        at,
    })
}

fn is_equal(mut first: impl Read, mut second: impl Read) -> io::Result<bool> {
    let (mut one, mut two) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    loop {
        let count = first.read(&mut one)?;
        if count == 0 {
            return Ok(second.read(&mut two)? == 0);
        }
        let other = two.get_mut(..count).unwrap_or_default();
        second.read_exact(other)?;
        if one.get(..count) != Some(&*other) {
            return Ok(false);
        }
    }
}

/// A path from `directory`, without `.` and `..`; `None` if it is absolute or leads out.
fn normalised(path: &str, directory: &str) -> Option<String> {
    if path.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = directory
        .split('/')
        .filter(|part| !part.is_empty())
        .collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// What headers before an entry say about it.
#[derive(Default)]
struct Extended {
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    sparse: bool,
}

impl Extended {
    /// Reads records `LENGTH KEY=VALUE\n`, the length counting itself.
    fn read_pax(&mut self, mut records: &[u8], at: u64) -> Result<(), Fault> {
        let broken = || Fault::Tar {
            what: "a pax header is not a list of records",
            at,
        };
        while !records.is_empty() {
            let space = records.iter().position(|b| *b == b' ').ok_or_else(broken)?;
            let digits = records.get(..space).unwrap_or_default();
            let length: usize = std::str::from_utf8(digits)
                .ok()
                .and_then(|digits| digits.parse().ok())
                .ok_or_else(broken)?;
            let record = records.get(space + 1..length).ok_or_else(broken)?;
            let record = record.strip_suffix(b"\n").ok_or_else(broken)?;
            let equals = record.iter().position(|b| *b == b'=').ok_or_else(broken)?;
            let (key, value) = record.split_at(equals);
            let value = value.get(1..).unwrap_or_default();
            match key {
                b"path" => self.name = Some(value.to_vec()),
                b"linkpath" => self.link = Some(value.to_vec()),
                b"size" => {
                    let text = std::str::from_utf8(value).ok();
                    let size = text.and_then(|text| text.parse().ok());
                    self.size = Some(size.ok_or_else(broken)?);
                }
                key if key.starts_with(b"GNU.sparse.") => self.sparse = true,
                _ => {}
            }
            records = records.get(length..).unwrap_or_default();
        }
        Ok(())
    }
}

impl Tree for Archive {
    fn find(&self, name: &str) -> Result<Option<Found>, Fault> {
        let Some(mut name) = normalised(name, "") else {
            return Err(Fault::Outside(name.to_owned()));
        };
        for followed in 0..=MAX_LINKS {
            match self.entries.get(&name) {
                None if followed == 0 => return Ok(None),
                None => return Err(Fault::DanglingLink(name)),
                Some(Entry::File { offset, size }) => {
                    return Ok(Some(Found {
                        name,
                        offset: *offset,
                        size: *size,
                    }));
                }
                Some(Entry::Link(Ok(target))) => name.clone_from(target),
                Some(Entry::Link(Err(target))) => return Err(Fault::Outside(target.clone())),
                Some(Entry::Directory) => return Err(Fault::NotAFile("a directory")),
                Some(Entry::Sparse) => return Err(Fault::Sparse),
                Some(Entry::Special) => return Err(Fault::NotAFile("a device or a FIFO")),
            }
        }
        Err(Fault::LinkLoop(MAX_LINKS))
    }

    fn open(&self, found: &Found) -> io::Result<Box<dyn Read + Send + '_>> {
        Ok(Box::new(Region::new(
            &*self.input,
            found.offset,
            found.size,
        )))
    }

    fn holders(&self, base: &str) -> Vec<String> {
        let mut holders: Vec<String> = self
            .entries
            .keys()
            .filter_map(|name| match name.split_once('/') {
                None if name == base => Some(String::new()),
                Some((directory, rest)) if rest == base => Some(directory.to_owned()),
                _ => None,
            })
            .collect();
        holders.sort();
        holders
    }

    fn is_cut_off(&self) -> bool {
        !self.has_end
    }
}
