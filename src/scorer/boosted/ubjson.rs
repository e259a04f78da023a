//! Universal Binary JSON (<https://ubjson.org>), as XGBoost writes it, as the JSON text that says the same.

use std::fmt::Write;

/// Objects and arrays within each other.
const DEEPEST: usize = 64;

/// What is wrong with a file.
const CUT_OFF: &str = "it ends early; save it again, or compare its size with the original's";

/// The JSON text for the value that is all of `bytes`.
pub(super) fn to_json(bytes: &[u8]) -> Result<String, String> {
    let mut reader = Reader { rest: bytes, json: String::with_capacity(2 * bytes.len()) };
    let marker = reader.byte()?;
    reader.value(marker, 0)?;
    Ok(reader.json)
}

struct Reader<'b> {
    rest: &'b [u8],
    json: String,
}

impl<'b> Reader<'b> {
    fn bytes(&mut self, len: usize) -> Result<&'b [u8], String> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(CUT_OFF)?;
        self.rest = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, String> {
        self.array().map(|[byte]| byte)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(CUT_OFF)?;
        self.rest = rest;
        Ok(*taken)
    }

    /// The next byte, if it is `marker`.
    fn takes(&mut self, marker: u8) -> bool {
        let is_next = self.rest.first() == Some(&marker);
        self.rest = &self.rest[usize::from(is_next)..];
        is_next
    }

    fn integer(&mut self, marker: u8) -> Result<i64, String> {
        Ok(match marker {
            b'i' => i8::from_be_bytes(self.array()?).into(),
            b'U' => self.byte()?.into(),
            b'I' => i16::from_be_bytes(self.array()?).into(),
            b'l' => i32::from_be_bytes(self.array()?).into(),
            b'L' => i64::from_be_bytes(self.array()?),
            other => return Err(unknown(other)),
        })
    }

    fn length(&mut self) -> Result<usize, String> {
        let marker = self.byte()?;
        usize::try_from(self.integer(marker)?).map_err(|_| "it has something of negative length".to_owned())
    }

    /// A text without a marker.
    fn text(&mut self) -> Result<(), String> {
        let len = self.length()?;
        let text = std::str::from_utf8(self.bytes(len)?).map_err(|_| "it has text that is not UTF-8".to_owned())?;
        self.json.push_str(&serde_json::Value::from(text).to_string());
        Ok(())
    }

    fn value(&mut self, marker: u8, depth: usize) -> Result<(), String> {
        if depth > DEEPEST {
            return Err(format!("it has more than {DEEPEST} objects or arrays within each other"));
        }
        match marker {
            b'{' => self.object(depth),
            b'[' => self.list(depth),
            b'S' => self.text(),
            b'd' => {
                let x = f32::from_be_bytes(self.array()?);
                self.number(x.is_finite(), x)
            }
            b'D' => {
                let x = f64::from_be_bytes(self.array()?);
                self.number(x.is_finite(), x)
            }
            b'T' | b'F' | b'Z' => {
                self.json.push_str(match marker {
                    b'T' => "true",
                    b'F' => "false",
                    _ => "null",
                });
                Ok(())
            }
            _ => {
                let x = self.integer(marker)?;
                self.number(true, x)
            }
        }
    }

    /// Numbers are written in the fewest digits that tell them from all others. JSON has none that are not finite, and
    /// where they come null fails as a number.
    fn number(&mut self, is_finite: bool, x: impl std::fmt::Display) -> Result<(), String> {
        let written = if is_finite { write!(self.json, "{x}") } else { self.json.write_str("null") };
        written.map_err(|_| "it has a number that cannot be written".to_owned())
    }

    fn object(&mut self, depth: usize) -> Result<(), String> {
        let count = if self.takes(b'#') { Some(self.length()?) } else { None };
        self.json.push('{');
        let mut index = 0;
        while self.is_more(count, index, b'}') {
            if index > 0 {
                self.json.push(',');
            }
            self.text()?;
            self.json.push(':');
            let marker = self.byte()?;
            self.value(marker, depth + 1)?;
            index += 1;
        }
        self.json.push('}');
        Ok(())
    }

    fn list(&mut self, depth: usize) -> Result<(), String> {
        let marker = if self.takes(b'$') { Some(self.byte()?) } else { None };
        // Values without a length of their own would be many in no room.
        if let Some(marker @ (b'T' | b'F' | b'Z' | b'N' | b'[' | b'{')) = marker {
            return Err(unknown(marker));
        }
        let count = if self.takes(b'#') { Some(self.length()?) } else { None };
        self.json.push('[');
        let mut index = 0;
        while self.is_more(count, index, b']') {
            if index > 0 {
                self.json.push(',');
            }
            let marker = match marker {
                Some(marker) => marker,
                None => self.byte()?,
            };
            self.value(marker, depth + 1)?;
            index += 1;
        }
        self.json.push(']');
        Ok(())
    }

    /// Whether there is another value: so many have a count, others end with `end`, which is taken.
    fn is_more(&mut self, count: Option<usize>, index: usize, end: u8) -> bool {
        match count {
            Some(count) => index < count,
            None => !self.takes(end),
        }
    }
}

fn unknown(marker: u8) -> String {
    format!("it has a value of kind {:?}, which XGBoost does not write", char::from(marker))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_value() {
        let bytes = b"{L\0\0\0\0\0\0\0\x01aSi\x02x\"i\x01b[i\xffU\xffI\x01\0l\0\0\0\x01TFZ]i\x01c[$d#i\x02\x3d\xcc\xcc\xcd\x3f\x80\0\0\
            i\x01d{#i\x01i\x01eD\x3f\xb9\x99\x99\x99\x99\x99\x9ai\x01f[#i\0i\x01gd\x7f\xc0\0\0}";
        let expected = r#"{"a":"x\"","b":[-1,255,256,1,true,false,null],"c":[0.1,1],"d":{"e":0.1},"f":[],"g":null}"#;
        assert_eq!(to_json(bytes).unwrap().replace(' ', ""), expected);
    }

    #[test]
    fn what_is_malformed_is_refused() {
        let nested: Vec<u8> = b"[".repeat(100_000);
        let cases: [&[u8]; 9] = [
            b"",
            b"{",
            b"{i\x05ab",
            b"[$d#L\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0",
            b"[$T#L\x7f\xff\xff\xff\xff\xff\xff\xff",
            b"[#i\xff]",
            b"Si\x01\xff",
            b"?",
            &nested,
        ];
        for bytes in cases {
            assert!(to_json(bytes).is_err(), "{:?}", &bytes[..bytes.len().min(20)]);
        }
        assert_eq!(to_json(b"[i\x01").unwrap_err(), CUT_OFF);
    }
}
