//! Members that hold one entry of a known size, and the member that ends the archive.
//!
//! In: a name and a size. Out: how many bytes the member takes, a writer of it, or its content. Nothing of it is free: the header
//! of the entry, the padding and the frame follow from name and size.

use std::io::{self, Read, Write};

use super::stored::{self, StoredWriter};
use super::tar::{self, HeaderError};

/// The bytes of the member of an entry of `size` bytes.
pub(crate) const fn member_size(size: u64) -> u64 {
    stored::member_size(tar::entry_size(size))
}

/// The member of an entry whose content is in memory.
pub(crate) fn member(name: &str, content: &[u8]) -> Result<Vec<u8>, HeaderError> {
    let mut plain = Vec::with_capacity(tar::entry_size(content.len() as u64) as usize);
    tar::append(&mut plain, name, content)?;
    Ok(stored::encode(&plain))
}

/// Begins the member of an entry of `size` bytes: `out` has its header already, what is written to it is content.
pub(crate) fn writer<W: Write>(
    out: W,
    header: &tar::HeaderBlock,
    size: u64,
) -> io::Result<StoredWriter<W>> {
    let mut writer = StoredWriter::new(out, tar::entry_size(size))?;
    writer.write_all(header)?;
    Ok(writer)
}

/// Ends the member of an entry of `size` bytes, of which all were written.
pub(crate) fn finish<W: Write>(mut writer: StoredWriter<W>, size: u64) -> io::Result<W> {
    let zeros = [0; tar::BLOCK as usize];
    let padding = zeros.get(..tar::padding(size) as usize).unwrap_or_default();
    writer.write_all(padding)?;
    writer.finish()
}

/// The member that ends the archive; the same in every bundle.
pub(crate) fn end() -> Vec<u8> {
    stored::encode(&tar::END)
}

/// The size of [`end`] in bytes.
pub(crate) const END_SIZE: u64 = stored::member_size(tar::END.len() as u64);

/// Whether exactly [`end`] comes next.
pub(crate) fn is_end(reader: &mut dyn Read) -> io::Result<bool> {
    let mut found = Vec::new();
    reader.take(END_SIZE).read_to_end(&mut found)?;
    Ok(found == end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_the_same_from_memory_and_as_a_stream() {
        for size in [0, 1, 511, 512, 513, 70_000] {
            let content = vec![7; size];
            let member = member("payload/a", &content).unwrap();
            assert_eq!(member.len() as u64, member_size(size as u64));
            let header = tar::header("payload/a", size as u64).unwrap();
            let mut stream = writer(Vec::new(), &header, size as u64).unwrap();
            stream.write_all(&content).unwrap();
            assert!(finish(stream, size as u64).unwrap() == member, "{size}");
        }
        assert_eq!(end().len() as u64, END_SIZE);
        assert!(is_end(&mut &end()[..]).unwrap());
        assert!(!is_end(&mut &end()[1..]).unwrap());
    }
}
