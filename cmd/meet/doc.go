// Command meet is Meet's server and the tools around it, one file for each subcommand.
//
// It ends with status 0 when it did what was asked, 1 when that failed, and 2 when what was asked makes no sense; then
// it says in one sentence which flag or setting is wrong.
package main
