// Package examplepage drives the page of the example in a headless Chromium:
// for its tests, and for the pictures of it in the documentation.
package examplepage
