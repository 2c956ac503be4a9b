//! Hands sockets over to another process.

use super::frame::Broken;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;

/// Sends a socket with a word of one byte.
pub(super) fn send(control: &UnixStream, word: u8, stream: &UnixStream) -> Result<(), Broken> {
    let handed = [stream.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !ancillary.push(SendAncillaryMessage::ScmRights(&handed)) {
        return Err(Broken::Malformed);
    }
    let word = [word];
    sendmsg(
        control,
        &[IoSlice::new(&word)],
        &mut ancillary,
        SendFlags::NOSIGNAL,
    )
    .map_err(std::io::Error::from)?;
    Ok(())
}

/// Waits for a socket; `None` when the other side has closed.
pub(super) fn receive(control: &UnixStream) -> Result<Option<(u8, UnixStream)>, Broken> {
    let mut word = [0];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let received = recvmsg(
        control,
        &mut [IoSliceMut::new(&mut word)],
        &mut ancillary,
        RecvFlags::CMSG_CLOEXEC,
    )
    .map_err(std::io::Error::from)?;
    if received.bytes == 0 {
        return Ok(None);
    }
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(mut handed) = message {
            if let Some(stream) = handed.next() {
                return Ok(Some((word[0], UnixStream::from(stream))));
            }
        }
    }
    Err(Broken::Malformed)
}
