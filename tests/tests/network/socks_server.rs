//! A SOCKS5 proxy (RFC 1928, RFC 1929) that remembers whom it connected to.

use crate::proxy_server::tunnel;
use crate::tls_front::{Port, Serving};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What a SOCKS proxy does with those who ask it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Manner {
    /// Connects.
    Connect,
    /// Connects for this user with this password.
    ConnectFor(&'static str, &'static str),
    /// Says that its rules do not allow it.
    Forbid,
    /// Is no SOCKS proxy at all.
    SpeakHttp,
}

/// A running proxy.
pub(crate) struct SocksServer {
    port: u16,
    targets: Arc<Mutex<Vec<String>>>,
    _serving: Serving,
}

impl SocksServer {
    pub(crate) fn start(manner: Manner) -> Self {
        let serving = Serving::new();
        let port = Port::take();
        let number = port.number();
        let listener = port.into_tokio(serving.runtime());
        let targets = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&targets);
        serving.runtime().spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, manner, Arc::clone(&shared)));
            }
        });
        Self {
            port: number,
            targets,
            _serving: serving,
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The hosts and ports that were asked for so far.
    pub(crate) fn targets(&self) -> Vec<String> {
        let targets = self.targets.lock();
        targets.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn serve(
    mut client: TcpStream,
    manner: Manner,
    targets: Arc<Mutex<Vec<String>>>,
) -> io::Result<()> {
    let methods = read_counted(&mut client, 1).await?;
    match manner {
        Manner::SpeakHttp => {
            client
                .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                .await?;
            return client.shutdown().await;
        }
        Manner::ConnectFor(user, password) if methods.contains(&2) => {
            client.write_all(&[5, 2]).await?;
            let name = read_counted(&mut client, 1).await?;
            let word = read_counted(&mut client, 0).await?;
            let fits = name == user.as_bytes() && word == password.as_bytes();
            client.write_all(&[1, u8::from(!fits)]).await?;
            if !fits {
                return client.shutdown().await;
            }
        }
        Manner::ConnectFor(..) => {
            client.write_all(&[5, 0xff]).await?;
            return client.shutdown().await;
        }
        Manner::Connect | Manner::Forbid => client.write_all(&[5, 0]).await?,
    }
    let mut request = [0; 4];
    client.read_exact(&mut request).await?;
    let host = match request[3] {
        1 => {
            let mut address = [0; 4];
            client.read_exact(&mut address).await?;
            std::net::Ipv4Addr::from(address).to_string()
        }
        3 => String::from_utf8_lossy(&read_counted(&mut client, 0).await?).into_owned(),
        _ => {
            let mut address = [0; 16];
            client.read_exact(&mut address).await?;
            format!("[{}]", std::net::Ipv6Addr::from(address))
        }
    };
    let target = format!("{host}:{}", client.read_u16().await?);
    let kept = targets.lock();
    kept.unwrap_or_else(PoisonError::into_inner)
        .push(target.clone());
    if let Manner::Forbid = manner {
        client.write_all(&[5, 2, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
        return client.shutdown().await;
    }
    let Ok(service) = TcpStream::connect(target).await else {
        client.write_all(&[5, 5, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
        return client.shutdown().await;
    };
    client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
    tunnel(client, service, |_| {}).await
}

/// Bytes after their number in one byte, which stands after some others.
async fn read_counted(client: &mut TcpStream, before: usize) -> io::Result<Vec<u8>> {
    let mut skipped = vec![0; before];
    client.read_exact(&mut skipped).await?;
    let mut bytes = vec![0; usize::from(client.read_u8().await?)];
    client.read_exact(&mut bytes).await?;
    Ok(bytes)
}
