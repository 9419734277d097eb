//! `examples/crawl.c`: a queue per site, with manners.

use crate::example;
use crate::support::{need, scratch, start};
use crate::web::Web;
use std::fs;
use std::path::{Path, PathBuf};

fn tools() -> Option<PathBuf> {
    let program = example("crawl")?;
    need("python3").then_some(program)
}

/// A page with these links, and HTML that is not in good order.
fn page(folder: &Path, name: &str, links: &[String]) {
    let links: String =
        links.iter().map(|link| format!("<p><A HREF=\"{link}\">{link}</b>\n")).collect();
    fs::write(folder.join(name), format!("<title>{name}<body>{links}")).expect("a page");
}

fn folders<const COUNT: usize>(name: &str) -> [PathBuf; COUNT] {
    let folder = scratch(name);
    std::array::from_fn(|at| {
        let site = folder.join(at.to_string());
        fs::create_dir(&site).expect("a folder");
        site
    })
}

fn crawl(program: &Path, status: i32, arguments: &[&str]) -> String {
    let ended = start(program, arguments).end(std::time::Duration::from_secs(100));
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert_eq!(ended.status, Some(status), "{said}{}", ended.stderr);
    assert_eq!(ended.stderr, "");
    said
}

/// The paths that a server was asked for, sorted.
fn paths(web: &Web, server: usize) -> Vec<String> {
    let mut paths: Vec<_> = web
        .requests_of(server)
        .iter()
        .map(|request| request.text.strip_prefix("GET ").expect("GET").to_owned())
        .collect();
    paths.sort();
    paths
}

#[test]
fn every_page_is_visited_once_and_broken_links_are_reported() {
    let Some(program) = tools() else { return };
    let [one, two] = folders("crawl-pages");
    let roles = [&one, &two].map(|folder| folder.to_str().expect("text"));
    let web = Web::start(&roles);
    let links = |links: &[&str]| links.iter().map(|link| link.to_string()).collect::<Vec<_>>();
    page(
        &one,
        "index.html",
        &[
            links(&["a.html", "./a.html#part", "/b.html", "MOVED", "mailto:me", "gone.html"]),
            vec![format!("{}/c.html", web.urls[1])],
        ]
        .concat(),
    );
    page(&one, "a.html", &links(&["b.html", "index.html"]));
    page(&one, "b.html", &[]);
    page(&one, "moved.html", &links(&["d.html"]));
    page(&one, "d.html", &[]);
    page(&two, "c.html", &[format!("{}/b.html", web.urls[0]), "gone-too.html".to_owned()]);
    fs::write(two.join("robots.txt"), "user-agent: other\ndisallow: /\n").expect("a file");

    let said = crawl(&program, 1, &["-d", "0", &format!("{}/index.html", web.urls[0])]);
    let visited = [
        "/MOVED",
        "/a.html",
        "/b.html",
        "/d.html",
        "/gone.html",
        "/index.html",
        "/moved.html",
        "/robots.txt",
    ];
    assert_eq!(paths(&web, 0), visited);
    assert_eq!(paths(&web, 1), ["/c.html", "/gone-too.html", "/robots.txt"]);
    assert!(said.contains(&format!("{}: 7 pages, ", web.urls[0])), "{said}");
    assert!(said.contains(&format!("{}: 2 pages, ", web.urls[1])), "{said}");
    let broken: Vec<_> = said.lines().filter(|line| line.starts_with("broken: ")).collect();
    let mut expected = [(0, "gone.html", "index.html"), (1, "gone-too.html", "c.html")].map(
        |(site, url, from)| {
            let site = &web.urls[site];
            format!("broken: {site}/{url}: 404, linked from {site}/{from}")
        },
    );
    expected.sort();
    assert_eq!(broken, expected);
    assert!(said.contains("9 pages found in "), "{said}");
}

#[test]
fn a_site_is_asked_for_one_thing_at_a_time_and_left_in_peace_between() {
    const PEACE: f64 = 0.1;
    let Some(program) = tools() else { return };
    let [one, two] = folders("crawl-peace");
    let web = Web::start(&[&one, &two].map(|folder| folder.to_str().expect("text")));
    let names: Vec<_> = (0..6).map(|number| format!("{number}.html")).collect();
    for (folder, other) in [(&one, &web.urls[1]), (&two, &web.urls[0])] {
        let links: Vec<_> =
            names.iter().flat_map(|name| [name.clone(), format!("{other}/{name}")]).collect();
        page(folder, "index.html", &links);
        names.iter().for_each(|name| page(folder, name, &links));
    }
    crawl(&program, 0, &["-d", &PEACE.to_string(), &web.urls[0]]);
    for server in 0..2 {
        let seen = web.requests_of(server);
        assert!(seen.len() >= 7, "{seen:?}");
        for pair in seen.windows(2) {
            assert!(pair[1].begin - pair[0].begin >= PEACE, "{pair:?}");
            assert_eq!(pair[1].busy, 1);
        }
    }
}

/// The one answers only when the other was asked.
#[test]
fn sites_go_side_by_side() {
    let Some(program) = tools() else { return };
    let [one] = folders("crawl-beside");
    let web = Web::start(&[one.to_str().expect("text"), "after=2,2", "after=1,1"]);
    let links = [1, 2].map(|site| format!("{}/x", web.urls[site]));
    page(&one, "index.html", &links);
    crawl(&program, 0, &["-d", "0", "-t", "60", &web.urls[0]]);
    assert_eq!([1, 2].map(|site| paths(&web, site).len()), [2, 2]);
}

#[test]
fn a_site_that_fails_again_and_again_is_banned_and_the_rest_goes_on() {
    let Some(program) = tools() else { return };
    let [one] = folders("crawl-ban");
    let web = Web::start(&[one.to_str().expect("text"), "errors"]);
    let mut links: Vec<_> = (0..10).map(|at| format!("{}/{at}", web.urls[1])).collect();
    links.push("last.html".to_owned());
    page(&one, "index.html", &links);
    page(&one, "last.html", &[format!("{}/late", web.urls[1])]);
    let said = crawl(&program, 1, &["-d", "0", "-f", "3", &format!("{}/index.html", web.urls[0])]);
    assert_eq!(paths(&web, 0), ["/index.html", "/last.html", "/robots.txt"]);
    assert_eq!(paths(&web, 1), ["/0", "/1", "/2", "/robots.txt"]);
    let site = format!("{}: 3 pages, 0 bytes, banned after 3 failures, 8 left out", web.urls[1]);
    assert!(said.contains(&site), "{said}");
}

#[test]
fn what_robots_txt_forbids_is_not_asked_for() {
    let Some(program) = tools() else { return };
    let [one, two] = folders("crawl-robots");
    let web = Web::start(&[&one, &two].map(|folder| folder.to_str().expect("text")));
    let rules = "User-agent: *\nDisallow: /private # and below\nDisallow:\n";
    fs::write(one.join("robots.txt"), rules).expect("a file");
    fs::write(two.join("robots.txt"), "User-Agent: *\r\nDisallow: /\r\n").expect("a file");
    let mut links: Vec<_> = (0..5).map(|at| format!("{}/{at}", web.urls[1])).collect();
    links.extend(["private/one", "/private.html", "public.html"].map(str::to_owned));
    page(&one, "index.html", &links);
    page(&one, "public.html", &[]);
    let said = crawl(&program, 0, &["-d", "0", &web.urls[0]]);
    assert_eq!(paths(&web, 0), ["/", "/public.html", "/robots.txt"]);
    assert_eq!(paths(&web, 1), ["/robots.txt"]);
    let closed = "0 pages, 0 bytes, its robots.txt lets nobody in, 5 left out";
    assert!(said.contains(&format!("{}: {closed}", web.urls[1])), "{said}");
    assert!(said.contains(" bytes, 2 left out"), "{said}");
}

#[test]
fn a_page_that_takes_too_long_is_given_up() {
    let Some(program) = tools() else { return };
    let [one] = folders("crawl-slow");
    let mut web = Web::start(&[one.to_str().expect("text"), "mute"]);
    page(&one, "index.html", &[format!("{}/never", web.urls[1])]);
    let said = crawl(&program, 1, &["-d", "0", "-t", "0.3", "-f", "9", &web.urls[0]]);
    web.until_gone(1);
    let url = format!("broken: {}/never: it takes too long, linked from ", web.urls[1]);
    assert!(said.contains(&url), "{said}");
}

#[test]
fn a_signal_stops_it_and_the_report_comes() {
    let Some(program) = tools() else { return };
    let [one] = folders("crawl-signal");
    let web = Web::start(&[one.to_str().expect("text")]);
    let links: Vec<_> = (0..9).map(|at| format!("{at}.html")).collect();
    page(&one, "index.html", &links);
    let mut running = start(&program, ["-d", "3600", "-t", "9999", &web.urls[0]]);
    // Then the first page waits for its hour.
    running.until("robots.txt", |_| web.requests().len() == 1);
    running.signal(libc::SIGINT);
    let ended = running.end(std::time::Duration::from_secs(60));
    assert_eq!(ended.status, Some(128 + libc::SIGINT), "{}", ended.stderr);
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert!(said.contains(": 0 pages, 0 bytes, 1 left out\n"), "{said}");
    assert!(said.contains("1 pages found in ") && said.ends_with(", stopped\n"), "{said}");
}

#[test]
fn a_link_to_a_host_of_any_bytes_is_broken_and_ends_nothing() {
    let Some(program) = tools() else { return };
    let [one] = folders("crawl-bytes");
    let web = Web::start(&[one.to_str().expect("text")]);
    page(&one, "index.html", &["http://%FF/".to_owned(), "last.html".to_owned()]);
    page(&one, "last.html", &[]);
    let said = crawl(&program, 1, &["-d", "0", &format!("{}/index.html", web.urls[0])]);
    assert_eq!(paths(&web, 0), ["/index.html", "/last.html", "/robots.txt"]);
    assert_eq!(said.matches("broken: http://").count(), 1, "{said}");
}
