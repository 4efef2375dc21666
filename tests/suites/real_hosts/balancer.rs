//! A load balancer in front of several API servers, as a site has one: connections go to servers that take them.
//!
//! It runs on threads of the test, at 192.168.10.1 in the network of the hosts, and ends with its value. Its health check is
//! the one that kubeadm's documentation asks for: whether the port takes a connection.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use kubeplan_testhosts::hosts::{Host, Rig};

/// Where clients find it, as `host:port`.
pub(super) const ENDPOINT: &str = "192.168.10.1:6443";
/// How long a server has to take a connection.
const CONNECT_WITHIN: Duration = Duration::from_millis(500);
/// Between two looks at the servers.
const CHECK_EVERY: Duration = Duration::from_millis(300);

/// A load balancer that runs.
pub(super) struct Balancer(Arc<Shared>);

struct Shared {
    over: AtomicBool,
    /// Which server is next.
    turn: AtomicUsize,
    servers: Vec<Server>,
}

struct Server {
    address: SocketAddr,
    healthy: AtomicBool,
    /// Both ends of what goes through to it.
    connections: Mutex<Vec<TcpStream>>,
}

impl Balancer {
    /// Starts in front of the API servers of `hosts`, which need not run yet.
    pub(super) fn start(rig: &Rig, hosts: &[Host]) -> Result<Self> {
        let shared = Arc::new(Shared {
            over: AtomicBool::new(false),
            turn: AtomicUsize::new(0),
            servers: hosts
                .iter()
                .map(|host| Server {
                    address: SocketAddr::new(IpAddr::V4(host.number().address()), 6443),
                    healthy: AtomicBool::new(false),
                    connections: Mutex::default(),
                })
                .collect(),
        });
        let own = Arc::clone(&shared);
        rig.in_network(move || {
            let at = (Ipv4Addr::new(192, 168, 10, 1), 6443);
            let listener = TcpListener::bind(at).context("listening at the load balancer")?;
            listener.set_nonblocking(true)?;
            for position in 0..own.servers.len() {
                let shared = Arc::clone(&own);
                thread::spawn(move || shared.watch(position));
            }
            thread::spawn(move || own.accept(&listener));
            Ok(())
        })?;
        Ok(Self(shared))
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::Relaxed);
        for server in &self.0.servers {
            server.cut();
        }
    }
}

impl Shared {
    fn accept(self: Arc<Self>, listener: &TcpListener) {
        while !self.over.load(Ordering::Relaxed) {
            match listener.accept() {
                Ok((client, _)) => {
                    let shared = Arc::clone(&self);
                    thread::spawn(move || shared.serve(client));
                }
                Err(_) => thread::sleep(Duration::from_millis(10)),
            }
        }
    }

    /// Looks again and again whether a server takes connections; those through a server that stopped are ended.
    fn watch(&self, position: usize) {
        let Some(server) = self.servers.get(position) else {
            return;
        };
        while !self.over.load(Ordering::Relaxed) {
            let healthy = TcpStream::connect_timeout(&server.address, CONNECT_WITHIN).is_ok();
            if server.healthy.swap(healthy, Ordering::Relaxed) && !healthy {
                server.cut();
            }
            thread::sleep(CHECK_EVERY);
        }
    }

    /// Carries a connection to the next server that takes it, to its end.
    fn serve(&self, client: TcpStream) {
        let begin = self.turn.fetch_add(1, Ordering::Relaxed);
        let count = self.servers.len();
        let in_turn = (0..count).filter_map(|step| self.servers.get((begin + step) % count));
        for server in in_turn.filter(|server| server.healthy.load(Ordering::Relaxed)) {
            if let Ok(upstream) = TcpStream::connect_timeout(&server.address, CONNECT_WITHIN) {
                // An end that fails is an end.
                let _ = server.carry(client, upstream);
                return;
            }
        }
    }
}

impl Server {
    fn carry(&self, client: TcpStream, upstream: TcpStream) -> io::Result<()> {
        client.set_nonblocking(false)?;
        client.set_nodelay(true)?;
        upstream.set_nodelay(true)?;
        if let Ok(mut connections) = self.connections.lock() {
            connections.retain(|stream| stream.peer_addr().is_ok());
            connections.extend([client.try_clone()?, upstream.try_clone()?]);
        }
        let (mut from_client, mut to_client) = (client.try_clone()?, client);
        let (mut from_server, mut to_server) = (upstream.try_clone()?, upstream);
        let there = thread::spawn(move || {
            let copied = io::copy(&mut from_client, &mut to_server);
            let _ = to_server.shutdown(Shutdown::Write);
            copied
        });
        let copied = io::copy(&mut from_server, &mut to_client);
        let _ = to_client.shutdown(Shutdown::Both);
        let _ = from_server.shutdown(Shutdown::Both);
        let _ = there.join();
        copied.map(drop)
    }

    fn cut(&self) {
        if let Ok(mut connections) = self.connections.lock() {
            for stream in connections.drain(..) {
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
    }
}
