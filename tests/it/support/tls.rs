//! A client that speaks TLS over a raw socket, and remembers every record that came.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme,
    SupportedProtocolVersion,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::http::{Answer, parse_answer, soon};

/// A client that knows the server by its fingerprint, as devices do.
pub struct TlsClient {
    stream: TcpStream,
    tls: ClientConnection,
    /// All bytes that the server has sent, as they came.
    pub received: Vec<u8>,
    body: Vec<u8>,
}

/// Takes every certificate, as `setInsecure` does; what it was is looked at afterwards.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let schemes = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, schemes)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let schemes = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, schemes)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

impl TlsClient {
    /// Connects with a small window and shakes hands in this version.
    pub async fn connect(
        server: SocketAddr,
        version: &'static SupportedProtocolVersion,
    ) -> io::Result<Self> {
        Self::connect_to("localhost", server, version).await
    }

    /// The same with a server of this name.
    pub async fn connect_to(
        name: &'static str,
        server: SocketAddr,
        version: &'static SupportedProtocolVersion,
    ) -> io::Result<Self> {
        let provider = Arc::new(ring::default_provider());
        let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[version])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anyone(provider)))
            .with_no_client_auth();
        let name = ServerName::try_from(name).unwrap();
        let tls = ClientConnection::new(Arc::new(config), name).unwrap();
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let stream = soon(socket.connect(server)).await?;
        let mut client = Self { stream, tls, received: Vec::new(), body: Vec::new() };
        while client.tls.is_handshaking() {
            client.flush().await?;
            if client.tls.is_handshaking() && client.receive().await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        client.flush().await?;
        Ok(client)
    }

    async fn flush(&mut self) -> io::Result<()> {
        let mut out = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut out)?;
        }
        soon(self.stream.write_all(&out)).await
    }

    /// Reads one record, as devices do: what stands behind it stays in the socket. 0 at the end of
    /// the stream.
    async fn receive(&mut self) -> io::Result<usize> {
        let mut some = vec![0; 5];
        if soon(self.stream.read(&mut some[..1])).await? == 0 {
            return Ok(0);
        }
        soon(self.stream.read_exact(&mut some[1..])).await?;
        let length = usize::from(u16::from_be_bytes([some[3], some[4]]));
        some.resize(5 + length, 0);
        soon(self.stream.read_exact(&mut some[5..])).await?;
        self.received.extend(&some);
        let length = some.len();
        let mut some = some.as_slice();
        while !some.is_empty() {
            self.tls.read_tls(&mut some)?;
            self.tls.process_new_packets().map_err(io::Error::other)?;
            let mut plain = Vec::new();
            match self.tls.reader().read_to_end(&mut plain) {
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                _ => self.body.extend(plain),
            }
        }
        Ok(length)
    }

    /// Sends bytes.
    pub async fn send(&mut self, bytes: &[u8]) {
        for some in bytes.chunks(16 * 1024) {
            self.tls.writer().write_all(some).unwrap();
            self.flush().await.unwrap();
        }
    }

    /// Reads until so many bytes have come in all, or to the end; says how many came.
    pub async fn read_up_to(&mut self, length: usize) -> usize {
        while self.body.len() < length && self.receive().await.unwrap() > 0 {}
        self.body.len()
    }

    /// The answer to a request, read as devices read it: the head, and as much as it announces.
    pub async fn answer(&mut self) -> Answer {
        let head = loop {
            if let Some(end) = memchr::memmem::find(&self.body, b"\r\n\r\n") {
                break end + 4;
            }
            assert!(self.receive().await.unwrap() > 0, "it ended in the head");
        };
        let mut answer = parse_answer(&self.body[..head]);
        let whole = head + answer.length().unwrap_or(0);
        assert!(self.read_up_to(whole).await >= whole, "it ended in the body");
        answer.body = self.body[head..].to_vec();
        self.body.clear();
        answer
    }

    /// All that comes with the next answer, as text, however it is framed.
    pub async fn page(&mut self) -> String {
        let is_whole = |body: &[u8]| {
            let text = String::from_utf8_lossy(body).into_owned();
            let head = text.find("\r\n\r\n").map(|end| text[..end + 4].to_owned());
            head.is_some_and(|head| {
                let length = parse_answer(head.as_bytes()).length();
                length
                    .map_or(text.ends_with("0\r\n\r\n"), |length| body.len() >= head.len() + length)
            })
        };
        while !is_whole(&self.body) && self.receive().await.unwrap() > 0 {}
        String::from_utf8_lossy(&std::mem::take(&mut self.body)).into_owned()
    }

    /// Whether the server has ended the stream, without a reset.
    pub async fn is_ended(&mut self) -> bool {
        self.receive().await.unwrap() == 0
    }

    /// The certificate that the server has shown.
    pub fn certificate(&self) -> Vec<u8> {
        self.tls.peer_certificates().unwrap()[0].to_vec()
    }

    /// Ends its own side in order: the alert, then the stream.
    pub async fn close(mut self) {
        self.tls.send_close_notify();
        self.flush().await.unwrap();
    }

    /// Breaks the connection off with a reset.
    pub fn reset(self) {
        let stream = socket2::SockRef::from(&self.stream);
        stream.set_linger(Some(std::time::Duration::ZERO)).unwrap();
    }
}

/// The records in a stream of bytes: their kinds, and the bytes that each holds beside its head.
pub fn records(mut stream: &[u8]) -> Vec<(u8, usize)> {
    let mut records = Vec::new();
    while let [kind, 3, _, high, low, rest @ ..] = stream {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        records.push((*kind, length));
        stream = rest.get(length..).unwrap_or_default();
    }
    records
}
