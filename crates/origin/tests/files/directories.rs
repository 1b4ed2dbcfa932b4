//! Directories: listings, index files, and the trailing slash.

use std::os::unix::fs::symlink;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::folder::{MODIFIED, TestFolder};

#[tokio::test(start_paused = true)]
async fn a_listing_shows_what_is_served_in_order_and_escaped() {
    let hostile = "<b>&\"'%2e:";
    let folder =
        TestFolder::new(&[("b", b"12"), ("a", b"1"), ("z/", b""), ("y/inner", b""), (hostile, b"1234567")]);
    std::fs::write(folder.base().join("secret"), "secret").expect("written");
    symlink("a", folder.path("link")).expect("a link");
    symlink("../secret", folder.path("out")).expect("a link");
    symlink("absent", folder.path("dangling")).expect("a link");
    mknodat(CWD, folder.path("pipe"), FileType::Fifo, Mode::RUSR, 0).expect("a pipe");

    let (head, body) = folder.get("/", "").await;
    let page = String::from_utf8(body).expect("UTF-8");
    assert_eq!((head.status, head.field("content-type")), (200, Some("text/html; charset=utf-8")));
    let links: Vec<&str> = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(links, ["./y/", "./z/", "./%3Cb%3E%26%22%27%252e%3A", "./a", "./b", "./link"]);
    assert!(page.contains("&lt;b&gt;&amp;&quot;&#39;%2e:</a></td><td>7</td>"), "{page}");
    assert!(page.contains(MODIFIED) && !page.contains("<b>"), "{page}");

    // Each link leads to the entry that it shows.
    for link in &links[2..] {
        assert_eq!(folder.get(link.trim_start_matches('.'), "").await.0.status, 200, "{link}");
    }
    let (head, body) = folder.get("/y/", "").await;
    let page = String::from_utf8(body).expect("UTF-8");
    assert!(head.status == 200 && page.contains("href=\"../\"") && page.contains("./inner"), "{page}");
}

#[tokio::test(start_paused = true)]
async fn an_index_replaces_the_listing() {
    let folder = TestFolder::new(&[("index.html", b"<p>index"), ("d/index.html/", b"")]);
    let (head, body) = folder.get("/", "").await;
    assert_eq!((head.status, body.as_slice()), (200, b"<p>index".as_slice()));
    assert_eq!(head.field("content-type"), Some("text/html"));
    // A directory of that name is not an index.
    let (head, body) = folder.get("/d/", "").await;
    assert!(head.status == 200 && String::from_utf8_lossy(&body).contains("index.html/"));
}

#[tokio::test(start_paused = true)]
async fn a_directory_without_a_slash_is_redirected() {
    let folder = TestFolder::new(&[("a b/c/f", b"f")]);
    for (target, location) in
        [("/a%20b", "/a%20b/"), ("/a%20b/c", "/a%20b/c/"), ("/a%20b?q=1", "/a%20b/?q=1")]
    {
        let (head, _) = folder.get(target, "").await;
        assert_eq!((head.status, head.field("location")), (301, Some(location)), "{target}");
    }
    // A location that begins with two slashes would be another host.
    assert_eq!(folder.get("//a%20b", "").await.0.status, 404);
}
