use arrow_buffer::BooleanBuffer;

/// Where a condition is true and where it is false; where it is neither, it is unknown, as SQL has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::input) struct Truth<B> {
    pub yes: B,
    pub no: B,
}

/// Answers for many records, or one for all of them.
pub(in crate::input) trait Bits {
    fn and(&self, other: &Self) -> Self;
    fn or(&self, other: &Self) -> Self;
}

impl Bits for BooleanBuffer {
    fn and(&self, other: &Self) -> Self {
        self & other
    }

    fn or(&self, other: &Self) -> Self {
        self | other
    }
}

impl Bits for bool {
    fn and(&self, other: &Self) -> Self {
        *self && *other
    }

    fn or(&self, other: &Self) -> Self {
        *self || *other
    }
}

impl<B: Bits> Truth<B> {
    pub(super) fn and(&self, other: &Truth<B>) -> Truth<B> {
        Truth { yes: self.yes.and(&other.yes), no: self.no.or(&other.no) }
    }

    pub(super) fn or(&self, other: &Truth<B>) -> Truth<B> {
        Truth { yes: self.yes.or(&other.yes), no: self.no.and(&other.no) }
    }

    pub(super) fn not(self) -> Truth<B> {
        Truth { yes: self.no, no: self.yes }
    }
}

impl Truth<BooleanBuffer> {
    /// The answer of each record in turn; `None` is unknown.
    pub(super) fn collect(answers: impl ExactSizeIterator<Item = Option<bool>>) -> Truth<BooleanBuffer> {
        let (mut yes, mut no) = (Vec::with_capacity(answers.len()), Vec::with_capacity(answers.len()));
        for answer in answers {
            yes.push(answer == Some(true));
            no.push(answer == Some(false));
        }
        Truth { yes: BooleanBuffer::from(yes), no: BooleanBuffer::from(no) }
    }
}
