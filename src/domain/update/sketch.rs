//! What the sketch on the device prints.

/// What the sketch makes of an HTTP status, in the words its serial log shows (`protocol.md` §1).
#[must_use]
pub const fn what_the_sketch_sees(status: u16) -> &'static str {
    match status {
        200 => "200 → HTTP_UPDATE_OK, it installs and restarts",
        304 => "304 → HTTP_UPDATE_NO_UPDATES",
        401 => "401 → -108 Unauthorized (ESP8266 core 3), else -104 Wrong HTTP Code",
        403 => "403 → -103 Forbidden (403)",
        404 => "404 → -102 File Not Found (404)",
        400 => "400 → -104 Wrong HTTP Code",
        500 => "500 → -104 Wrong HTTP Code",
        _ => "-104 Wrong HTTP Code",
    }
}
