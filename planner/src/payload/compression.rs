//! Recognises and undoes compression: gzip with several members, zstd with several frames.
//!
//! In: a stream. Out: its form by its first bytes, whatever its name says; the uncompressed stream. Memory is bounded by the decoders:
//! 32 KiB for gzip; for zstd a window of at most 128 MiB, `ruzstd`'s own limit.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// How many first bytes tell the form.
pub(super) const MAGIC: usize = 6;

/// How a stream is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Not, or in a form that nothing here knows.
    Plain,
    /// gzip (RFC 1952).
    Gzip,
    /// zstd (RFC 8878).
    Zstd,
    /// A form that is recognised and not read.
    Unread(&'static str),
}

/// Magic numbers. A zstd stream may begin with a skippable frame, whose last four bits are free.
const FORMS: [(&[u8], Form); 5] = [
    (b"\x1f\x8b", Form::Gzip),
    (b"\x28\xb5\x2f\xfd", Form::Zstd),
    (b"\xfd7zXZ\0", Form::Unread("xz")),
    (b"BZh", Form::Unread("bzip2")),
    (b"\x04\x22\x4d\x18", Form::Unread("lz4")),
];

impl Form {
    /// Tells the form by the first bytes.
    pub(super) fn of(first: &[u8]) -> Self {
        let skippable = matches!(first, [low, 0x2a, 0x4d, 0x18, ..] if low & 0xf0 == 0x50);
        if skippable {
            return Self::Zstd;
        }
        let known = FORMS.iter().find(|(magic, _)| first.starts_with(magic));
        known.map_or(Self::Plain, |(_, form)| *form)
    }

    /// Its name; `not compressed` for [`Form::Plain`].
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Plain => "not compressed",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Unread(name) => name,
        }
    }

    /// The uncompressed stream. A form that is not read is an error.
    pub(super) fn decode<'a>(
        self,
        from: impl Read + Send + 'a,
    ) -> io::Result<Box<dyn Read + Send + 'a>> {
        let buffered = BufReader::with_capacity(BUFFER, from);
        Ok(match self {
            Self::Plain => Box::new(buffered),
            Self::Gzip => Box::new(MultiGzDecoder::new(buffered)),
            Self::Zstd => Box::new(Zstd::new(buffered)),
            Self::Unread(name) => {
                return Err(io::Error::new(io::ErrorKind::Unsupported, name));
            }
        })
    }
}

/// Bytes that are read at once.
const BUFFER: usize = 256 * 1024;

/// Decodes one frame of zstd after the other, skips skippable frames, and compares checksums.
struct Zstd<R> {
    source: R,
    decoder: FrameDecoder,
    in_frame: bool,
}

impl<R: BufRead> Zstd<R> {
    fn new(source: R) -> Self {
        Self {
            source,
            decoder: FrameDecoder::new(),
            in_frame: false,
        }
    }

    /// Opens the next frame, or skips it if it is a skippable one. Returns false at the end of the source.
    fn next(&mut self) -> io::Result<bool> {
        if self.source.fill_buf()?.is_empty() {
            return Ok(false);
        }
        match self.decoder.init(&mut self.source) {
            Ok(()) => self.in_frame = true,
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length,
                ..
            })) => {
                let mut frame = (&mut self.source).take(u64::from(length));
                if io::copy(&mut frame, &mut io::sink())? < u64::from(length) {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            Err(error) => return Err(invalid(error.to_string())),
        }
        Ok(true)
    }

    fn end_frame(&mut self) -> io::Result<()> {
        self.in_frame = false;
        let stated = self.decoder.get_checksum_from_data();
        if stated.is_some() && stated != self.decoder.get_calculated_checksum() {
            return Err(invalid("the checksum of a zstd frame differs".to_owned()));
        }
        Ok(())
    }
}

fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if !self.in_frame {
                if !self.next()? {
                    return Ok(0);
                }
                continue;
            }
            if self.decoder.can_collect() > 0 {
                return self.decoder.read(buffer);
            }
            if self.decoder.is_finished() {
                self.end_frame()?;
                continue;
            }
            self.decoder
                .decode_blocks(&mut self.source, BlockDecodingStrategy::UptoBlocks(1))
                .map_err(|error| invalid(error.to_string()))?;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        let level = ruzstd::encoding::CompressionLevel::Fastest;
        ruzstd::encoding::compress_to_vec(bytes, level)
    }

    fn decoded(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        Form::of(bytes).decode(bytes)?.read_to_end(&mut out)?;
        Ok(out)
    }

    #[test]
    fn several_members_and_frames_are_one_stream() {
        let (one, two) = (vec![7; 300_000], b"second".to_vec());
        let whole = [one.as_slice(), &two].concat();
        assert_eq!(decoded(&[gzip(&one), gzip(&two)].concat()).unwrap(), whole);
        let skippable = b"\x5a\x2a\x4d\x18\x03\0\0\0abc";
        let frames = [
            skippable,
            &zstd(&one)[..],
            skippable,
            &zstd(&[]),
            &zstd(&two),
        ]
        .concat();
        assert_eq!(decoded(&frames).unwrap(), whole);
        assert_eq!(decoded(b"plain").unwrap(), b"plain");
    }

    #[test]
    fn what_is_cut_off_or_changed_is_an_error() {
        let text: Vec<u8> = (0..200_000u32).flat_map(u32::to_le_bytes).collect();
        for whole in [gzip(&text), zstd(&text)] {
            assert_eq!(decoded(&whole).unwrap(), text);
            for length in [8, whole.len() / 2, whole.len() - 1] {
                assert!(decoded(&whole[..length]).is_err(), "{length}");
            }
            let mut changed = whole;
            let middle = changed.len() / 2;
            changed[middle] ^= 1;
            assert_ne!(decoded(&changed).ok(), Some(text.clone()));
        }
        assert!(decoded(b"\x5a\x2a\x4d\x18\xff\xff\xff\xffabc").is_err());
        assert!(decoded(b"\xfd7zXZ\0").is_err());
    }

    #[test]
    fn forms_are_told_by_their_first_bytes() {
        for (bytes, name) in [
            (&b"\x1f\x8b\x08"[..], "gzip"),
            (b"\x28\xb5\x2f\xfd", "zstd"),
            (b"\xfd7zXZ\0", "xz"),
            (b"BZh9", "bzip2"),
            (b"\x04\x22\x4d\x18", "lz4"),
            (b"", "not compressed"),
            (b"oci-layout", "not compressed"),
        ] {
            assert_eq!(Form::of(bytes).name(), name);
        }
    }
}
