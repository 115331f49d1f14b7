"""What bringing something in from outside consists of: what is asked, how it was fed, whether it runs, what a recipe states."""
