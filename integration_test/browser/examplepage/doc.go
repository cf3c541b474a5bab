// Package examplepage drives the example's page in a headless Chromium, for the
// tests of the page and for the pictures in the documentation.
package examplepage
