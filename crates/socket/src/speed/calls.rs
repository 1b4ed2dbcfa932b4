//! What a monitored stream of either flavour has, written once.

macro_rules! monitored_stream_calls {
    () => {
        impl<S> MonitoredStream<S> {
            /// The same stream; its faults name `address`.
            #[must_use]
            pub fn at(mut self, address: impl Into<Address>) -> Self {
                self.address = Some(address.into());
                self
            }

            /// The stream inside.
            pub fn get_ref(&self) -> &S {
                &self.stream
            }

            /// The stream inside. What is read from it directly is not monitored.
            pub fn get_mut(&mut self) -> &mut S {
                &mut self.stream
            }

            /// Returns the stream alone.
            pub fn into_inner(self) -> S {
                self.stream
            }
        }
    };
}

pub(super) use monitored_stream_calls;
