//! Go durations: the text form (`1h30m`, `500ms`) that the wire, the configuration and the command
//! line share. It is not a clock and knows no units but Go's.
//! Invariant: `parse(format(d)) == d` for every value, and errors read as Go's `time` package
//! words them, since clients match those texts.

pub(crate) mod json;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A signed span of nanoseconds, as Go's `time.Duration`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GoDuration(pub i64);

impl GoDuration {
    pub const ZERO: GoDuration = GoDuration(0);
    pub const NANOSECOND: GoDuration = GoDuration(1);
    pub const MICROSECOND: GoDuration = GoDuration(1_000);
    pub const MILLISECOND: GoDuration = GoDuration(1_000_000);
    pub const SECOND: GoDuration = GoDuration(1_000_000_000);
    pub const MINUTE: GoDuration = GoDuration(60 * Self::SECOND.0);
    pub const HOUR: GoDuration = GoDuration(60 * Self::MINUTE.0);

    pub const fn from_secs(secs: u32) -> Self {
        // 2^32 seconds in nanoseconds stay below 2^63, so nothing is lost; `From` is not const.
        GoDuration((secs as i64) * Self::SECOND.0)
    }

    pub const fn from_millis(millis: u32) -> Self {
        GoDuration((millis as i64) * Self::MILLISECOND.0)
    }

    /// The same span for timers; a negative one, which no timer can wait for, becomes zero.
    pub fn to_std(self) -> Duration {
        Duration::from_nanos(u64::try_from(self.0).unwrap_or(0))
    }

    /// A span beyond 292 years becomes the longest there is.
    pub fn from_std(span: Duration) -> Self {
        GoDuration(i64::try_from(span.as_nanos()).unwrap_or(i64::MAX))
    }

    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }
}

impl FromStr for GoDuration {
    type Err = ParseDurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).map(GoDuration)
    }
}

impl fmt::Display for GoDuration {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&format(self.0))
    }
}

impl From<Duration> for GoDuration {
    fn from(span: Duration) -> Self {
        GoDuration::from_std(span)
    }
}

/// Why a text is no duration. The texts are Go's.
///
/// Source: transcripts/session/basic.txt, transcripts/config/validate.txt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseDurationError {
    #[error("time: invalid duration {}", go_quote(.0))]
    Invalid(String),
    #[error("time: missing unit in duration {}", go_quote(.0))]
    MissingUnit(String),
    #[error("time: unknown unit {} in duration {}", go_quote(.unit), go_quote(.text))]
    UnknownUnit { unit: String, text: String },
}

/// Nanoseconds of a text such as `1h30m`, `-1.5s` or `0`.
///
/// # Errors
/// When the text has another form, a unit is missing or unknown, or the span leaves 64 bits.
pub fn parse(text: &str) -> Result<i64, ParseDurationError> {
    let invalid = || ParseDurationError::Invalid(text.to_owned());
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(unsigned) => (true, unsigned),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if unsigned == "0" {
        return Ok(0);
    }
    if unsigned.is_empty() {
        return Err(invalid());
    }
    let mut total: u64 = 0;
    let mut rest = unsigned;
    while !rest.is_empty() {
        let (nanos, after) = parse_term(rest, text)?;
        total = total.checked_add(nanos).filter(|sum| *sum <= MAGNITUDE_MAX).ok_or_else(invalid)?;
        rest = after;
    }
    if negative {
        // The one magnitude that only the negative side can hold is i64::MIN.
        return Ok(0i64.wrapping_sub_unsigned(total));
    }
    i64::try_from(total).map_err(|_| invalid())
}

/// The text Go's `Duration.String` gives: `1h0m0s`, `1m30s`, `1.5s`, `500ms`, `0s`.
pub fn format(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let magnitude = nanos.unsigned_abs();
    let body = match magnitude {
        0 => "0s".to_owned(),
        1..MICROSECOND => format!("{magnitude}ns"),
        MICROSECOND..MILLISECOND => format!("{}µs", decimal(magnitude, MICROSECOND)),
        MILLISECOND..SECOND => format!("{}ms", decimal(magnitude, MILLISECOND)),
        _ => {
            let seconds = decimal(magnitude % MINUTE, SECOND);
            let minutes = magnitude / MINUTE % 60;
            let hours = magnitude / HOUR;
            if hours > 0 {
                format!("{hours}h{minutes}m{seconds}s")
            } else if minutes > 0 {
                format!("{minutes}m{seconds}s")
            } else {
                format!("{seconds}s")
            }
        }
    };
    format!("{sign}{body}")
}

/// One `1.5h`: its nanoseconds and what follows it. `text` is the whole, for the error.
fn parse_term<'a>(term: &'a str, text: &str) -> Result<(u64, &'a str), ParseDurationError> {
    let invalid = || ParseDurationError::Invalid(text.to_owned());
    let (whole_digits, after_whole) = split_while(term, |byte| byte.is_ascii_digit());
    let whole = whole_number(whole_digits).ok_or_else(invalid)?;
    let (fraction_digits, after_fraction) = match after_whole.strip_prefix('.') {
        Some(after_point) => split_while(after_point, |byte| byte.is_ascii_digit()),
        None => ("", after_whole),
    };
    if whole_digits.is_empty() && fraction_digits.is_empty() {
        return Err(invalid());
    }
    let (unit, rest) = split_while(after_fraction, |byte| byte != b'.' && !byte.is_ascii_digit());
    if unit.is_empty() {
        return Err(ParseDurationError::MissingUnit(text.to_owned()));
    }
    let unit_nanos = unit_nanos(unit).ok_or_else(|| ParseDurationError::UnknownUnit {
        unit: unit.to_owned(),
        text: text.to_owned(),
    })?;
    let nanos = whole
        .checked_mul(unit_nanos)
        .and_then(|nanos| nanos.checked_add(fraction_nanos(fraction_digits, unit_nanos)))
        .filter(|nanos| *nanos <= MAGNITUDE_MAX)
        .ok_or_else(invalid)?;
    Ok((nanos, rest))
}

fn split_while(text: &str, wanted: impl Fn(u8) -> bool) -> (&str, &str) {
    let end = text.bytes().position(|byte| !wanted(byte)).unwrap_or(text.len());
    text.split_at(end)
}

fn whole_number(digits: &str) -> Option<u64> {
    digits.bytes().try_fold(0u64, |sum, digit| {
        let next = sum.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
        (next <= MAGNITUDE_MAX).then_some(next)
    })
}

/// Go computes the fraction in floating point; clients see the rounding, so it is kept:
/// `0.3333333333333333333h` is twenty minutes, not a nanosecond less.
fn fraction_nanos(digits: &str, unit_nanos: u64) -> u64 {
    let mut numerator: u64 = 0;
    let mut scale: f64 = 1.0;
    for digit in digits.bytes() {
        if numerator > MAGNITUDE_MAX / 10 {
            // Digits beyond what 63 bits can tell apart do not count.
            break;
        }
        numerator = numerator * 10 + u64::from(digit - b'0');
        scale *= 10.0;
    }
    let nanos = numerator as f64 * (unit_nanos as f64 / scale);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a fraction below one of at most an hour: between 0 and 3.6e12"
    )]
    let whole = nanos as u64;
    whole
}

fn unit_nanos(unit: &str) -> Option<u64> {
    Some(match unit {
        "ns" => 1,
        // The micro sign, the Greek letter mu, and the ASCII stand-in.
        "us" | "\u{b5}s" | "\u{3bc}s" => MICROSECOND,
        "ms" => MILLISECOND,
        "s" => SECOND,
        "m" => MINUTE,
        "h" => HOUR,
        _ => return None,
    })
}

/// `value / unit` in decimal, without trailing zeros.
fn decimal(value: u64, unit: u64) -> String {
    let fraction = value % unit;
    if fraction == 0 {
        return (value / unit).to_string();
    }
    let width = unit.ilog10() as usize;
    let padded = format!("{fraction:0width$}");
    format!("{}.{}", value / unit, padded.trim_end_matches('0'))
}

/// Go's `time` quotes with backslashes for `"` and `\` and `\xNN` for each byte that is not
/// printable ASCII.
fn go_quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => {
                quoted.push('\\');
                quoted.push(char::from(byte));
            }
            b' '..0x80 => quoted.push(char::from(byte)),
            _ => quoted.push_str(&format!("\\x{byte:02x}")),
        }
    }
    quoted.push('"');
    quoted
}

const MICROSECOND: u64 = 1_000;
const MILLISECOND: u64 = 1_000 * MICROSECOND;
const SECOND: u64 = 1_000 * MILLISECOND;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

/// The largest magnitude in nanoseconds: that of the smallest `i64`.
const MAGNITUDE_MAX: u64 = 1 << 63;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn texts_parse_to_the_nanoseconds_go_gives() {
        let cases: &[(&str, i64)] = &[
            ("0", 0),
            ("-0", 0),
            ("+0", 0),
            ("0s", 0),
            ("1h30m", 5_400_000_000_000),
            ("500ms", 500_000_000),
            ("1.5s", 1_500_000_000),
            (".5s", 500_000_000),
            ("1.s", 1_000_000_000),
            ("-1s", -1_000_000_000),
            ("+5s", 5_000_000_000),
            ("-.5s", -500_000_000),
            ("10ns", 10),
            ("11us", 11_000),
            ("12µs", 12_000),
            ("12μs", 12_000),
            ("1h15m30.918273645s", 4_530_918_273_645),
            ("0.3333333333333333333h", 1_200_000_000_000),
            ("0.100000000000000000000h", 360_000_000_000),
            ("0.9223372036854775807h", 3_320_413_933_267),
            ("9223372036854775807ns", i64::MAX),
            ("9223372036854775.807us", i64::MAX),
            ("-9223372036854775808ns", i64::MIN),
            ("39h9m14.425s", 140_954_425_000_000),
            ("87600h", 315_360_000_000_000_000),
        ];
        for (text, nanos) in cases {
            assert_eq!(parse(text), Ok(*nanos), "{text}");
        }
    }

    #[test]
    fn refusals_are_worded_as_go_words_them() {
        let cases: &[(&str, &str)] = &[
            ("", r#"time: invalid duration """#),
            ("-", r#"time: invalid duration "-""#),
            ("abc", r#"time: invalid duration "abc""#),
            (".", r#"time: invalid duration ".""#),
            (".s", r#"time: invalid duration ".s""#),
            ("10", r#"time: missing unit in duration "10""#),
            ("1m5", r#"time: missing unit in duration "1m5""#),
            ("10x", r#"time: unknown unit "x" in duration "10x""#),
            ("1d", r#"time: unknown unit "d" in duration "1d""#),
            ("1\"", r#"time: unknown unit "\"" in duration "1\"""#),
            ("\u{e9}", r#"time: invalid duration "\xc3\xa9""#),
            ("9223372036854775808ns", r#"time: invalid duration "9223372036854775808ns""#),
            ("-9223372036854775809ns", r#"time: invalid duration "-9223372036854775809ns""#),
            ("3000000h", r#"time: invalid duration "3000000h""#),
        ];
        for (text, complaint) in cases {
            assert_eq!(parse(text).map_err(|error| error.to_string()), Err((*complaint).into()));
        }
    }

    #[test]
    fn spans_print_as_go_prints_them() {
        let cases: &[(i64, &str)] = &[
            (0, "0s"),
            (1, "1ns"),
            (1_100, "1.1µs"),
            (2_200_000, "2.2ms"),
            (500_000_000, "500ms"),
            (10_000_000_000, "10s"),
            (90_000_000_000, "1m30s"),
            (3_600_000_000_000, "1h0m0s"),
            (315_360_000_000_000_000, "87600h0m0s"),
            (300_001_000_000, "5m0.001s"),
            (-1_500_000_000, "-1.5s"),
            (i64::MAX, "2562047h47m16.854775807s"),
            (i64::MIN, "-2562047h47m16.854775808s"),
        ];
        for (nanos, text) in cases {
            assert_eq!(format(*nanos), *text);
        }
    }

    #[test]
    fn timers_get_no_negative_span() {
        assert_eq!(GoDuration(-1).to_std(), Duration::ZERO);
        assert_eq!(GoDuration::from_secs(2).to_std(), Duration::from_secs(2));
        assert_eq!(GoDuration::from_std(Duration::MAX), GoDuration(i64::MAX));
    }

    proptest! {
        #[test]
        fn every_span_survives_printing_and_parsing(nanos: i64) {
            // Random spans are mostly of years; the remainder also tries those below a minute.
            for span in [nanos, nanos % 60_000_000_000] {
                prop_assert_eq!(parse(&format(span)), Ok(span));
            }
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC*") {
            let _ = parse(&text);
        }

        #[test]
        fn no_text_of_duration_like_bytes_makes_the_parser_panic(text in "[-+.0-9hmsnuµ]{0,40}") {
            if let Ok(nanos) = parse(&text) {
                prop_assert_eq!(parse(&format(nanos)), Ok(nanos));
            }
        }
    }
}
