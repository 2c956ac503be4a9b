//! The form of a value in which it crosses between two processes of one host.
//!
//! A host that runs a provider in a process of its own sends requests, pages and
//! errors through a socket. `serde` would not do: in its forms records hide their
//! secrets, which must arrive here. Both ends are the same program, so the form
//! needs no versions: numbers of fixed length, texts and lists with their length
//! before them, records field by field in the order of their declaration.
//!
//! A [`WireBuffer`] may hold secrets. It is wiped when it grows and when it is
//! dropped, and it has no form for logs.

use crate::secret::Secret;
use crate::value::Bytes;

/// What was read is not what it should be: cut off, too long, or no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

impl std::fmt::Display for Malformed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a message is malformed")
    }
}

impl std::error::Error for Malformed {}

/// Bytes on their way to another process.
#[derive(Default)]
pub struct WireBuffer(Vec<u8>);

impl WireBuffer {
    /// An empty buffer.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What was written.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }

    /// Appends bytes.
    pub fn extend(&mut self, bytes: &[u8]) {
        let needed = self.0.len() + bytes.len();
        if needed > self.0.capacity() {
            let mut larger = Vec::with_capacity(needed.max(2 * self.0.capacity()).max(256));
            larger.extend_from_slice(&self.0);
            // The old buffer is wiped by its drop.
            drop(Self(std::mem::replace(&mut self.0, larger)));
        }
        self.0.extend_from_slice(bytes);
    }

    /// Writes over bytes that were written before.
    pub fn overwrite(&mut self, offset: usize, bytes: &[u8]) {
        if let Some(place) = self.0.get_mut(offset..offset + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    }
}

impl Drop for WireBuffer {
    fn drop(&mut self) {
        crate::secret::wipe(&mut self.0);
    }
}

/// Bytes that came from another process, read from the beginning.
pub struct WireReader<'a>(&'a [u8]);

impl<'a> WireReader<'a> {
    /// Reads these bytes.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next bytes.
    ///
    /// # Errors
    /// [`Malformed`] if there are not so many.
    pub fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    /// Everything that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }
}

/// A value that can be sent to another process.
pub trait Wire: Sized {
    /// Appends the value.
    fn write(&self, buffer: &mut WireBuffer);

    /// Reads a value.
    ///
    /// # Errors
    /// [`Malformed`].
    fn read(reader: &mut WireReader<'_>) -> Result<Self, Malformed>;
}

macro_rules! numbers {
    ($($type:ty),*) => {
        $(impl Wire for $type {
            fn write(&self, buffer: &mut WireBuffer) {
                buffer.extend(&self.to_le_bytes());
            }

            fn read(reader: &mut WireReader<'_>) -> Result<Self, Malformed> {
                let bytes = reader.take(size_of::<Self>())?;
                bytes.try_into().map(Self::from_le_bytes).map_err(|_| Malformed)
            }
        })*
    };
}

numbers!(u8, u16, u32, u64, i64);

impl Wire for () {
    fn write(&self, _buffer: &mut WireBuffer) {}

    fn read(_reader: &mut WireReader<'_>) -> Result<Self, Malformed> {
        Ok(())
    }
}

impl Wire for bool {
    fn write(&self, buffer: &mut WireBuffer) {
        u8::from(*self).write(buffer);
    }

    fn read(reader: &mut WireReader<'_>) -> Result<Self, Malformed> {
        match u8::read(reader)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed),
        }
    }
}

fn write_bytes(bytes: &[u8], buffer: &mut WireBuffer) {
    // Longer ones do not fit into a frame, and are found out there.
    u32::try_from(bytes.len()).unwrap_or(u32::MAX).write(buffer);
    buffer.extend(bytes);
}

fn read_bytes<'a>(reader: &mut WireReader<'a>) -> Result<&'a [u8], Malformed> {
    let length = u32::read(reader)?;
    reader.take(usize::try_from(length).map_err(|_| Malformed)?)
}

fn read_text<'a>(reader: &mut WireReader<'a>) -> Result<&'a str, Malformed> {
    std::str::from_utf8(read_bytes(reader)?).map_err(|_| Malformed)
}

impl Wire for String {
    fn write(&self, buffer: &mut WireBuffer) {
        write_bytes(self.as_bytes(), buffer);
    }

    fn read(reader: &mut WireReader<'_>) -> Result<Self, Malformed> {
        read_text(reader).map(str::to_owned)
    }
}

impl Wire for Secret {
    fn write(&self, buffer: &mut WireBuffer) {
        write_bytes(self.expose().as_bytes(), buffer);
    }

    fn read(reader: &mut WireReader<'_>) -> Result<Self, Malformed> {
        read_text(reader).map(Self::from)
    }
}

impl Wire for Bytes {
    fn write(&self, buffer: &mut WireBuffer) {
        write_bytes(&self.0, buffer);
    }

    fn read(reader: &mut WireReader<'_>) -> Result<Self, Malformed> {
        read_bytes(reader).map(|bytes| Self(bytes.to_vec()))
    }
}

impl<T: Wire> Wire for Option<T> {
    fn write(&self, buffer: &mut WireBuffer) {
        self.is_some().write(buffer);
        if let Some(value) = self {
            value.write(buffer);
        }
    }

    fn read(reader: &mut WireReader<'_>) -> Result<Self, Malformed> {
        match bool::read(reader)? {
            true => T::read(reader).map(Some),
            false => Ok(None),
        }
    }
}

impl<T: Wire> Wire for Vec<T> {
    fn write(&self, buffer: &mut WireBuffer) {
        u32::try_from(self.len()).unwrap_or(u32::MAX).write(buffer);
        for item in self {
            item.write(buffer);
        }
    }

    fn read(reader: &mut WireReader<'_>) -> Result<Self, Malformed> {
        let count = u32::read(reader)?;
        // A wrong count must not reserve what never comes.
        let mut items = Self::with_capacity((count as usize).min(reader.0.len()).min(1024));
        for _ in 0..count {
            items.push(T::read(reader)?);
        }
        Ok(items)
    }
}

impl<A: Wire, B: Wire> Wire for (A, B) {
    fn write(&self, buffer: &mut WireBuffer) {
        self.0.write(buffer);
        self.1.write(buffer);
    }

    fn read(reader: &mut WireReader<'_>) -> Result<Self, Malformed> {
        Ok((A::read(reader)?, B::read(reader)?))
    }
}

impl<T: Wire, E: Wire> Wire for Result<T, E> {
    fn write(&self, buffer: &mut WireBuffer) {
        self.is_ok().write(buffer);
        match self {
            Ok(value) => value.write(buffer),
            Err(error) => error.write(buffer),
        }
    }

    fn read(reader: &mut WireReader<'_>) -> Result<Self, Malformed> {
        match bool::read(reader)? {
            true => T::read(reader).map(Ok),
            false => E::read(reader).map(Err),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{ErrorKind, VcsError};
    use crate::records::*;
    use std::fmt::Debug;

    fn crossed<T: Wire>(value: &T) -> Result<T, Malformed> {
        let mut buffer = WireBuffer::new();
        value.write(&mut buffer);
        T::read(&mut WireReader::new(buffer.as_slice()))
    }

    fn survives<T: Wire + PartialEq + Debug>(value: T) {
        assert_eq!(crossed(&value).as_ref(), Ok(&value));
    }

    #[test]
    fn values_cross_whole_with_their_secrets() {
        survives(Credential::basic("user", Secret::from("grüße")));
        let error = VcsError::new(ErrorKind::from_number(4711), "words").with_http_status(404);
        survives::<Result<Branch, VcsError>>(Err(error.with_extra("key", "value")));
        survives(vec![Some(String::new()), None]);
        survives(Bytes(vec![0, 255]));
    }

    #[test]
    fn what_is_cut_off_or_no_text_is_malformed() {
        let mut buffer = WireBuffer::new();
        Credential::basic("user", Secret::from("secret")).write(&mut buffer);
        for length in 0..buffer.as_slice().len() {
            let part = &buffer.as_slice()[..length];
            assert_eq!(
                Credential::read(&mut WireReader::new(part)).err(),
                Some(Malformed)
            );
        }
        let not_text = [2, 0, 0, 0, 0xc3, 0x28];
        assert_eq!(
            String::read(&mut WireReader::new(&not_text)),
            Err(Malformed)
        );
        let endless = [255; 8];
        assert_eq!(
            Vec::<String>::read(&mut WireReader::new(&endless)),
            Err(Malformed)
        );
    }
}
