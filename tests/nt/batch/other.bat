@echo off
echo other got %1 and %2 in %~nx0
exit /b 9
