//! Decompresses a whole archive into a private temporary file, so that its blobs can be read at any position.
//!
//! The file has no name, mode 0600, lies in the directory for temporary files (`TMPDIR`, usually /tmp), and is gone when it is closed.

use std::io::{self, Read, Write as _};

use super::compression::Form;
use super::refusal::Fault;
use super::tree::FileInput;

/// How many times its size an input may decompress to. Images of text and zeros reach about 20.
const RATIO: u64 = 250;
/// What every input may decompress to, in bytes: small samples are mostly padding.
const ALWAYS: u64 = 16 * 1024 * 1024;

/// The most bytes that an input of `size` bytes may decompress to.
pub(super) const fn bound(size: u64) -> u64 {
    size.saturating_mul(RATIO).saturating_add(ALWAYS)
}

/// Writes what `from` decompresses to into a temporary file. `size` is the input's own size in bytes, if it is known.
pub(super) fn spool(from: impl Read + Send, form: Form, size: u64) -> Result<FileInput, Fault> {
    let most = bound(size);
    let mut file = tempfile::tempfile().map_err(Fault::Io)?;
    let mut decoded = form.decode(from).map_err(Fault::Io)?;
    let mut buffer = vec![0; 256 * 1024];
    let mut total = 0u64;
    loop {
        let count = match decoded.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) if form == Form::Plain => return Err(Fault::Io(error)),
            Err(error) => {
                return Err(Fault::Decompress {
                    form: form.name(),
                    error,
                });
            }
        };
        total += count as u64;
        if form != Form::Plain && total > most {
            return Err(Fault::Bomb { limit: most, size });
        }
        file.write_all(buffer.get(..count).unwrap_or_default())
            .map_err(Fault::Io)?;
    }
    FileInput::new(file).map_err(Fault::Io)
}
