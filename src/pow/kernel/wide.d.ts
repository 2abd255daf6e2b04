// For editors: the constant that the build gives to the compiler (scripts/build-kernel.ts).
declare const WIDE: i32;
