use super::probability::{Scores, WIDTH};

/// How much is gathered before it is moved to the end of the text.
const PAGE: usize = 16 << 10;

/// Longest text that [`Text::push_short`] takes: any number.
const SHORT: usize = 32;

/// A growing text, fast for many short pieces.
///
/// Formatting millions of numbers spends as long on copying a few bytes each as on the numbers. Here a piece is copied
/// into a page by moves of a fixed size, with no call and no look at the text's capacity; full pages are appended to the
/// text at once.
pub(super) struct Text {
    done: Vec<u8>,
    page: Vec<u8>,
    at: usize,
}

impl Text {
    /// An empty text that will take about `size` bytes.
    pub(super) fn with_capacity(size: usize) -> Self {
        Text { done: Vec::with_capacity(size), page: vec![0; PAGE], at: 0 }
    }

    pub(super) fn into_bytes(mut self) -> Vec<u8> {
        self.spill();
        self.done
    }

    /// The end of the text, for those who append to a plain vector.
    pub(super) fn as_vec(&mut self) -> &mut Vec<u8> {
        self.spill();
        &mut self.done
    }

    #[inline]
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if bytes.len() <= SHORT {
            self.push_short(bytes);
        } else {
            self.as_vec().extend_from_slice(bytes);
        }
    }

    /// Appends at most [`SHORT`] bytes.
    #[inline(always)]
    pub(super) fn push_short(&mut self, bytes: &[u8]) {
        debug_assert!(bytes.len() <= SHORT);
        let len = bytes.len();
        if self.at + SHORT > PAGE {
            self.spill();
        }
        let room = &mut self.page[self.at..self.at + SHORT];
        // Two moves that may overlap reach any length between their size and its double.
        match len {
            16..=SHORT => {
                room[..16].copy_from_slice(&bytes[..16]);
                room[len - 16..len].copy_from_slice(&bytes[len - 16..]);
            }
            8..16 => {
                room[..8].copy_from_slice(&bytes[..8]);
                room[len - 8..len].copy_from_slice(&bytes[len - 8..]);
            }
            4..8 => {
                room[..4].copy_from_slice(&bytes[..4]);
                room[len - 4..len].copy_from_slice(&bytes[len - 4..]);
            }
            _ => room[..len].iter_mut().zip(bytes).for_each(|(to, from)| *to = *from),
        }
        self.at += len;
    }

    /// Appends a text that is the same in every line.
    #[inline(always)]
    pub(super) fn push_fixed(&mut self, fixed: &Fixed) {
        match &fixed.long {
            None => self.push_padded(&fixed.padded, fixed.len),
            Some(long) => self.as_vec().extend_from_slice(long),
        }
    }

    /// Appends the first `len` of `bytes`.
    #[inline(always)]
    fn push_padded(&mut self, bytes: &[u8; SHORT], len: usize) {
        if self.at + SHORT > PAGE {
            self.spill();
        }
        self.page[self.at..self.at + SHORT].copy_from_slice(bytes);
        self.at += len;
    }

    /// Appends the counter's number, and counts.
    #[inline(always)]
    pub(super) fn push_counter(&mut self, counter: &mut Counter) {
        let (padded, len) = counter.padded();
        self.push_padded(padded, len);
        counter.advance();
    }

    #[inline]
    pub(super) fn push_byte(&mut self, byte: u8) {
        if self.at == PAGE {
            self.spill();
        }
        self.page[self.at] = byte;
        self.at += 1;
    }

    #[inline]
    pub(super) fn push_integer(&mut self, value: impl itoa::Integer) {
        self.push_short(itoa::Buffer::new().format(value).as_bytes());
    }

    /// A class, as a rule: mostly one digit.
    #[inline]
    pub(super) fn push_small_integer(&mut self, value: i64) {
        match value {
            0..10 => self.push_byte(b'0' + value as u8),
            _ => self.push_integer(value),
        }
    }

    /// The shortest text that reads back as the same number; `NaN`, `inf`, `-inf`.
    #[inline]
    pub(super) fn push_float(&mut self, value: impl zmij::Float) {
        self.push_short(zmij::Buffer::new().format(value).as_bytes());
    }

    /// The same for a score, which is a probability as a rule.
    #[inline(always)]
    pub(super) fn push_score(&mut self, scores: &mut Scores<'_>, index: usize) {
        let Some((text, len)) = scores.text(index) else { return self.push_float(scores.value(index)) };
        if self.at + SHORT > PAGE {
            self.spill();
        }
        self.page[self.at..self.at + WIDTH].copy_from_slice(&text);
        self.at += len;
    }

    #[cold]
    #[inline(never)]
    fn spill(&mut self) {
        self.done.extend_from_slice(&self.page[..self.at]);
        self.at = 0;
    }
}

/// A text that is appended again and again.
pub(super) struct Fixed {
    padded: [u8; SHORT],
    len: usize,
    /// The text, when it is longer than that.
    long: Option<Vec<u8>>,
}

impl Fixed {
    pub(super) fn new(text: Vec<u8>) -> Self {
        let mut padded = [0; SHORT];
        let len = text.len();
        match padded.get_mut(..len) {
            Some(room) => {
                room.copy_from_slice(&text);
                Fixed { padded, len, long: None }
            }
            None => Fixed { padded, len, long: Some(text) },
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }
}

/// Digits of the largest number.
const MOST_DIGITS: usize = 20;

/// A number as text that is counted up in place.
pub(super) struct Counter {
    /// The digits, and as much after them as a move of a fixed size may read.
    digits: [u8; MOST_DIGITS + SHORT],
    start: usize,
}

impl Counter {
    pub(super) fn new(first: u64) -> Self {
        let mut buffer = itoa::Buffer::new();
        let text = buffer.format(first).as_bytes();
        let mut digits = [b'0'; MOST_DIGITS + SHORT];
        let start = MOST_DIGITS - text.len();
        digits[start..MOST_DIGITS].copy_from_slice(text);
        Counter { digits, start }
    }

    /// The digits with something after them, and how many they are.
    #[inline(always)]
    fn padded(&self) -> (&[u8; SHORT], usize) {
        let Some(padded) = self.digits[self.start..].first_chunk() else {
            unreachable!("the start is a digit's place")
        };
        (padded, MOST_DIGITS - self.start)
    }

    #[inline]
    pub(super) fn advance(&mut self) {
        let mut at = MOST_DIGITS - 1;
        while self.digits[at] == b'9' && at > 0 {
            self.digits[at] = b'0';
            at -= 1;
        }
        self.digits[at] += 1;
        self.start = self.start.min(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_any_length_are_appended() {
        let mut text = Text::with_capacity(0);
        let mut expected = Vec::new();
        let source: Vec<u8> = (0..=255).collect();
        for round in 0..300 {
            let piece = &source[round % 7..(round * 3) % 60 + round % 7];
            text.push(piece);
            text.push_byte(b'|');
            expected.extend_from_slice(piece);
            expected.push(b'|');
        }
        text.as_vec().extend_from_slice(b"direct");
        expected.extend_from_slice(b"direct");
        for len in [0, 1, SHORT - 1, SHORT, SHORT + 1, 100] {
            text.push_fixed(&Fixed::new(source[..len].to_vec()));
            expected.extend_from_slice(&source[..len]);
        }
        for value in [0, 9, 10, -1, i64::MIN, i64::MAX] {
            text.push_small_integer(value);
            expected.extend_from_slice(value.to_string().as_bytes());
        }
        assert_eq!(text.into_bytes(), expected);
    }

    #[test]
    fn counters_count() {
        for first in [0, 8, 98, 999_998, 9_999_999_999_999_999_998, u64::MAX - 3] {
            let mut counter = Counter::new(first);
            for value in first..first + 3 {
                let mut text = Text::with_capacity(0);
                text.push_counter(&mut counter);
                assert_eq!(text.into_bytes(), value.to_string().as_bytes());
            }
        }
    }
}
