//! A folder on the disk, served in a network in memory.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use longhaul_origin::{ConnectionReport, Folder, Limits, RunningService, Service, ServiceHost};
use longhaul_socket::Endpoint;
use longhaul_socket::memory::MemoryNetwork;

use crate::common::{Client, End, Head};

pub(crate) const WAIT: Duration = Duration::from_secs(20);

/// The modification date of the files: long ago, so that it is a strong validator.
pub(crate) const MODIFIED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

/// The folder `public` is served; what lies beside it is not.
pub(crate) struct TestFolder {
    base: PathBuf,
    network: MemoryNetwork,
    /// `None` after a stop.
    running: Option<RunningService>,
    endpoint: Endpoint,
    reports: Arc<Mutex<Vec<ConnectionReport>>>,
}

impl TestFolder {
    /// A folder with these files in it; a name that ends with a slash is a directory.
    pub(crate) fn new(files: &[(&str, &[u8])]) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let base = std::env::temp_dir().join(format!("longhaul-files-{}-{number}", std::process::id()));
        fs::create_dir_all(base.join("public")).expect("a fresh directory");
        let network = MemoryNetwork::new();
        let reports = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&reports);
        let host = ServiceHost::new(Limits::waiting(WAIT), move |report| {
            log.lock().expect("no panic").push(*report);
        });
        let service = Service::files(Folder::open(base.join("public")).expect("it was made"));
        let endpoint = "tcp://10.0.0.1:80".parse().expect("an endpoint");
        let running = host.listen(&network, service, endpoint, None).expect("a free endpoint");
        let endpoint = running.endpoint();
        let folder = Self { base, network, running: Some(running), endpoint, reports };
        for (name, bytes) in files {
            folder.put(name, bytes);
        }
        folder
    }

    pub(crate) fn base(&self) -> &Path {
        &self.base
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.base.join("public").join(name)
    }

    /// Writes a file that was last changed at [`MODIFIED`].
    pub(crate) fn put(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        if name.ends_with('/') {
            return fs::create_dir_all(path).expect("a directory");
        }
        fs::create_dir_all(path.parent().expect("beneath the folder")).expect("a directory");
        fs::write(&path, bytes).expect("written");
        self.touch(name, httpdate::parse_http_date(MODIFIED).expect("a date"));
    }

    pub(crate) fn touch(&self, name: &str, modified: SystemTime) {
        let file = File::options().write(true).open(self.path(name)).expect("it is there");
        file.set_modified(modified).expect("its date is set");
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(&self.network, self.endpoint).await
    }

    /// The answer to one `GET` on a connection of its own.
    pub(crate) async fn get(&self, target: &str, fields: &str) -> (Head, Vec<u8>) {
        let mut client = self.client().await;
        client.get(target, fields).await;
        let head = client.head().await.expect("a head");
        let length = if matches!(head.status, 204 | 304) { 0 } else { head.length() };
        let body = client.body(length).await.expect("the whole body");
        (head, body)
    }

    /// Everything that is received after sending these bytes, up to the end of the connection.
    pub(crate) async fn raw(&self, request: &[u8]) -> (Vec<u8>, End) {
        let mut client = self.client().await;
        client.send(request).await;
        client.rest().await
    }

    /// Stops the service when the future is awaited.
    pub(crate) fn stop(&mut self) -> impl Future<Output = ()> + Send + 'static {
        self.running.take().expect("it was not stopped").stop()
    }

    /// The reports, when there are `count` of them; waits within bounds of virtual time.
    pub(crate) async fn wait_for_reports(&self, count: usize) -> Vec<ConnectionReport> {
        for _ in 0..6_000 {
            let reports = self.reports.lock().expect("no panic").clone();
            if reports.len() >= count {
                return reports;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{count} reports never came");
    }
}

impl Drop for TestFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.base);
    }
}

/// Bytes with a long period.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    (0_u32..).flat_map(u32::to_le_bytes).take(len).collect()
}
