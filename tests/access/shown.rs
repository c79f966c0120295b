//! What somebody may not do is not shown to them as if they could: no form, button or link of a
//! page leads to a route that refuses them. What a route needs is read from the router's own
//! table, so a new form that asks nobody's role fails here.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use espalier::domain::access::{Need, Principal, Role};
use espalier::domain::secret::Secret;
use espalier::http::access::Face;

use crate::audit::{Scene, misnamed, polls, upload};
use crate::client::{Browser, PASSWORD, Server, a_test};
use crate::image::Firmware;

const PEOPLE: [(&str, Role); 3] =
    [("anna", Role::Administrator), ("emil", Role::Editor), ("vera", Role::Viewer)];
/// The same page with other filters is seen so many times.
const ALIKE: usize = 2;

/// Something on a page that leads to a route.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Control {
    /// `GET` or `POST`.
    method: &'static str,
    /// Path and query, as in the page.
    to: String,
}

/// What a page shows.
#[derive(Debug, Default)]
struct Shown {
    controls: Vec<Control>,
    /// Buttons and fields that belong to no form of the page.
    astray: Vec<String>,
}

#[derive(Debug)]
struct Tag<'a> {
    name: &'a str,
    text: &'a str,
}

impl<'a> Tag<'a> {
    fn all(page: &'a str) -> impl Iterator<Item = Self> {
        page.split('<').skip(1).filter_map(|text| {
            let name = text.split([' ', '>', '\n']).next()?;
            // A quoted “>” would cut a tag short; the templates escape it.
            Some(Self { name, text: text.split('>').next()? })
        })
    }

    fn attribute(&self, name: &str) -> Option<String> {
        let value = self.text.split(&format!(" {name}=\"")).nth(1)?.split('"').next()?;
        Some(value.replace("&#38;", "&").replace("&amp;", "&"))
    }
}

impl Shown {
    fn on(page: &str, path: &str) -> Self {
        let mut shown = Self::default();
        let forms: BTreeSet<_> = Tag::all(page)
            .filter(|tag| tag.name == "form")
            .filter_map(|tag| tag.attribute("id"))
            .collect();
        let mut inside = false;
        for tag in Tag::all(page) {
            match tag.name {
                "form" => {
                    inside = true;
                    let post = tag.attribute("method").as_deref() == Some("post");
                    let to = tag.attribute("action").unwrap_or_else(|| path.to_owned());
                    shown.controls.push(Control { method: if post { "POST" } else { "GET" }, to });
                }
                "/form" => inside = false,
                "a" => shown.links(tag.attribute("href")),
                "button" | "input" | "select" | "textarea" => {
                    let method = "POST";
                    let to = tag.attribute("formaction");
                    shown.controls.extend(to.map(|to| Control { method, to }));
                    let owned = tag.attribute("form").map_or(inside, |form| forms.contains(&form));
                    // The script's own buttons send nothing.
                    let scripted = tag.attribute("type").as_deref() == Some("button");
                    if !owned && !scripted {
                        shown.astray.push(tag.text.to_owned());
                    }
                }
                _ => {}
            }
        }
        shown
    }

    fn links(&mut self, to: Option<String>) {
        let to = to.filter(|to| to.starts_with('/'));
        self.controls.extend(to.map(|to| Control { method: "GET", to }));
    }
}

impl Control {
    fn path(&self) -> &str {
        self.to.split(['?', '#']).next().unwrap()
    }

    /// The route of a page that it leads to, and what that needs.
    fn route(&self) -> Option<(&'static str, Need)> {
        let table = espalier::http::table();
        let mut routes = table.into_iter().filter_map(|(face, route)| {
            let own = face == Face::Page && route.method.as_ref()?.as_str() == self.method;
            (own && leads(route.path, self.path())).then_some((route.path, route.need))
        });
        // “/releases/new” is also a “/releases/{id}”.
        let first = routes.next()?;
        Some(routes.fold(first, |best, own| if own.0.contains('{') { best } else { own }))
    }
}

fn leads(route: &str, path: &str) -> bool {
    let (route, path): (Vec<_>, Vec<_>) = (route.split('/').collect(), path.split('/').collect());
    let fits = |(own, part): (&&str, &&str)| own.starts_with('{') || own == part;
    route.len() == path.len() && route.iter().zip(&path).all(fits)
}

/// Walks along all links; what each page shows.
async fn walk(browser: &mut Browser, from: BTreeSet<String>) -> BTreeMap<String, Shown> {
    let mut seen = BTreeMap::new();
    let mut alike: BTreeMap<String, usize> = BTreeMap::new();
    let mut next: VecDeque<String> = from.into_iter().collect();
    while let Some(path) = next.pop_front() {
        if seen.contains_key(&path) {
            continue;
        }
        let answer = browser.get(&path).await;
        assert!(answer.status < 500, "{path}: {answer:?}");
        let html = answer.header("content-type").is_some_and(|kind| kind.starts_with("text/html"));
        let page = if answer.status == 200 && html { answer.body } else { String::new() };
        let shown = Shown::on(&page, &path);
        assert!(shown.astray.is_empty(), "{path}: these belong to no form: {:?}", shown.astray);
        for link in shown.controls.iter().filter(|own| own.method == "GET") {
            let (Some((route, _)), to) = (link.route(), link.to.split('#').next().unwrap()) else {
                continue;
            };
            let count = alike.entry(link.path().to_owned()).or_default();
            if !route.ends_with("/download") && !seen.contains_key(to) && *count < ALIKE {
                *count += 1;
                next.push_back(to.to_owned());
            }
        }
        seen.insert(path, shown);
    }
    seen
}

/// The scene of the audit log, and what is only shown at times.
async fn furnished() -> Scene {
    let mut scene = Scene::new().await;
    let accounts = scene.server.app.accounts();
    for (name, role) in &PEOPLE[1..] {
        accounts.create_user(name, *role, &Secret::new(PASSWORD), &a_test()).await.unwrap();
    }
    let device = [("platform", "gate"), ("devices", "18fe34000031 Gate")];
    for (path, fields) in [
        ("/platforms", &[("name", "bell"), ("admission", "approved")][..]),
        ("/platforms/bell/proof", &[("proof", "shared")]),
        ("/platforms/bell/secret", &[]),
        ("/platforms/bell/secret", &[]),
        ("/platforms/gate/proof", &[("proof", "per_device")]),
        ("/devices/add", &device),
        ("/devices/18fe34000031/secret", &[]),
        ("/devices/18fe34000031/secret", &[]),
        ("/groups", &[("name", "Garden")]),
        ("/pairing", &[("platform", "chase"), ("change", "open"), ("minutes", "15")]),
        ("/devices/18fe34000004/block", &[]),
        ("/devices/add", &[("platform", "chase"), ("devices", "240ac4000041 Hall")]),
    ] {
        let answer = scene.anna.post(path, fields).await;
        assert!(matches!(answer.status, 200 | 303), "{path}: {answer:?}");
    }
    for mac in ["18:fe:34:00:00:01", "18:fe:34:00:00:32", "18:fe:34:00:00:33"] {
        polls(&scene.server, mac, "v1.0.0").await;
    }
    let esp32 = [
        ("user-agent", "ESP32-http-Update"),
        ("x-esp32-sta-mac", "24:0A:C4:00:00:41"),
        ("x-esp32-free-space", "1310720"),
        ("x-esp32-mode", "sketch"),
    ];
    scene.server.browser().send("GET", "/update?dev=chase&ver=v1.1.0", &esp32, b"").await;
    upload(&scene.server, &Firmware::esp8266().of("chase", "v1.0.5"), true).await;
    upload(&scene.server, &Firmware::esp8266().of("chase", "v1.6.0"), false).await;
    // One runs a file that calls itself otherwise.
    misnamed(&scene.server, scene.filled("{release}").parse().unwrap()).await;
    // One is held back, the other may be.
    let page = scene.anna.get("/devices/18fe34000001").await.body;
    let release =
        page.split("name=\"release\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    scene.anna.post("/devices/18fe34000001/hold", &[("release", release)]).await.is(303);
    scene
}

#[tokio::test]
async fn nobody_is_shown_what_they_may_not_do() {
    let mut scene = furnished().await;
    let start = BTreeSet::from(["/".to_owned()]);
    let pages = walk(&mut scene.anna, start).await;
    let leads_to: BTreeSet<_> = pages
        .values()
        .flat_map(|shown| &shown.controls)
        .filter_map(|own| Some((own.method, own.route()?.0)))
        .collect();
    let hidden: Vec<_> = espalier::http::table()
        .into_iter()
        .filter(|(face, route)| *face == Face::Page && route.need.role() > Role::Viewer)
        .filter_map(|(_, route)| Some((route.method?.to_string(), route.path)))
        .filter(|(method, path)| !leads_to.contains(&(method.as_str(), *path)))
        .collect();
    assert!(hidden.is_empty(), "the walk sees nothing that leads to {hidden:?}");

    let wrong = in_vain(&scene.server, &pages.into_keys().collect()).await;
    assert!(wrong.is_empty(), "{} things are shown in vain:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test]
async fn nor_where_there_is_nothing_yet() {
    let server = Server::with(&PEOPLE).await;
    let start = BTreeSet::from(["/".to_owned()]);
    let pages = walk(&mut server.signed_in("anna").await, start).await;
    let wrong = in_vain(&server, &pages.into_keys().collect()).await;
    assert!(wrong.is_empty(), "{} things are shown in vain:\n{}", wrong.len(), wrong.join("\n"));
}

/// What somebody sees on these pages, or on those that they lead to, and may not use.
async fn in_vain(server: &Server, pages: &BTreeSet<String>) -> Vec<String> {
    let mut wrong = BTreeSet::new();
    // Administrators may use everything.
    for (name, role) in PEOPLE.into_iter().skip(1) {
        let principal = Principal::User { id: 1, name: name.to_owned(), role };
        let may = |own: &Control| own.route().is_none_or(|(_, need)| principal.may(need));
        let get = |to: &&String| Control { method: "GET", to: (*to).clone() };
        let paths = pages.iter().filter(|path| may(&get(path))).cloned().collect();
        for (path, shown) in walk(&mut server.signed_in(name).await, paths).await {
            let refused = shown.controls.into_iter().filter(|own| !may(own));
            wrong.extend(refused.map(|own| format!("{name} on {path}: {} {}", own.method, own.to)));
        }
    }
    wrong.into_iter().collect()
}
