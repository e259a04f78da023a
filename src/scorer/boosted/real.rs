//! The numbers that sums and what becomes of them are in.

use std::sync::Arc;

use arrow_array::types::{Float32Type, Float64Type};
use arrow_array::{ArrayRef, PrimitiveArray};

use crate::scorer::ElementType;
use crate::scorer::trees::Weight;

/// Float32 as XGBoost computes, float64 as LightGBM does: its functions with its roundings.
pub(super) trait Real:
    Weight + Into<f64> + std::ops::Sub<Output = Self> + std::ops::Mul<Output = Self> + std::ops::Div<Output = Self>
{
    const ELEMENT: ElementType;
    const ONE: Self;

    /// `x`, rounded.
    fn of(x: f64) -> Self;
    fn array(values: Vec<Self>) -> ArrayRef;
    fn exp(self) -> Self;
    /// `ln(1 + x)`
    fn ln_1p(self) -> Self;
    /// `1 / (1 + exp(-slope * x))`
    fn logistic(self, slope: Self) -> Self;
    /// Exponentials that sum to one.
    fn softmax(row: &mut [Self]);
}

impl Real for f32 {
    const ELEMENT: ElementType = ElementType::Float32;
    const ONE: Self = 1.0;

    fn of(x: f64) -> Self {
        x as f32
    }

    fn array(values: Vec<Self>) -> ArrayRef {
        Arc::new(PrimitiveArray::<Float32Type>::new(values.into(), None))
    }

    fn exp(self) -> Self {
        self.exp()
    }

    fn ln_1p(self) -> Self {
        self.ln_1p()
    }

    /// As in `src/common/math.h` of XGBoost, where the bound keeps the exponential finite.
    fn logistic(self, slope: Self) -> Self {
        let bounded = (-slope * self).min(88.7);
        1.0 / (bounded.exp() + 1.0 + 1e-16)
    }

    /// As in the same place: the sum is of float64.
    fn softmax(row: &mut [Self]) {
        let max = row.iter().fold(f32::NEG_INFINITY, |max, x| max.max(*x));
        let mut sum = 0.0f64;
        for x in row.iter_mut() {
            *x = (*x - max).exp();
            sum += f64::from(*x);
        }
        row.iter_mut().for_each(|x| *x /= sum as f32);
    }
}

impl Real for f64 {
    const ELEMENT: ElementType = ElementType::Float64;
    const ONE: Self = 1.0;

    fn of(x: f64) -> Self {
        x
    }

    fn array(values: Vec<Self>) -> ArrayRef {
        Arc::new(PrimitiveArray::<Float64Type>::new(values.into(), None))
    }

    fn exp(self) -> Self {
        self.exp()
    }

    fn ln_1p(self) -> Self {
        self.ln_1p()
    }

    fn logistic(self, slope: Self) -> Self {
        1.0 / (1.0 + (-slope * self).exp())
    }

    fn softmax(row: &mut [Self]) {
        let max = row.iter().fold(f64::NEG_INFINITY, |max, x| max.max(*x));
        let mut sum = 0.0;
        for x in row.iter_mut() {
            *x = (*x - max).exp();
            sum += *x;
        }
        row.iter_mut().for_each(|x| *x /= sum);
    }
}
