//! Every form that changes something carries the token; no page holds script or style of its own.

use std::fs;
use std::path::{Path, PathBuf};

fn templates(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { templates(&path, found) } else { found.push(path) }
    }
}

#[test]
fn every_form_that_changes_something_carries_the_token() {
    let mut files = Vec::new();
    templates(&Path::new(env!("CARGO_MANIFEST_DIR")).join("templates"), &mut files);
    let mut forms = 0;
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for form in text.split("<form ").skip(1) {
            let form = form.split("</form>").next().unwrap();
            if form.contains("method=\"get\"") {
                continue;
            }
            forms += 1;
            let token = form.find("csrf(page)");
            assert!(token.is_some(), "{}: {form}", file.display());
            // Of an upload the first field is looked at.
            let field = form.find("<input").unwrap_or(usize::MAX);
            let uploads = form.contains("multipart/form-data");
            assert!(!uploads || token.unwrap() < field, "{}: {form}", file.display());
        }
        for inline in ["<style", " style=\"", " onclick=", "<script>"] {
            assert!(!text.contains(inline), "{}: {inline}", file.display());
        }
    }
    assert!(forms > 25, "{forms}");
}
