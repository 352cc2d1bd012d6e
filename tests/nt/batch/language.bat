@echo off
rem The command language: arguments, variables, conditions, loops, subroutines, redirection, pipes.
echo args [%1] [%2] [%~2] [%3] count
shift
echo shifted [%1]
set A=hello world
set /a N=6*7
echo %A% %N% %A:~0,5% %A:world=there%
set B=
if not defined B echo B is not set
if "%A%"=="hello world" (echo equal) else (echo differs)
if 10 GTR 9 echo greater
if exist nosuch (echo there) else echo not there
for %%i in (one two three) do echo item %%i
for /l %%i in (1,2,7) do echo number %%i
for /f "tokens=1,2 delims=," %%a in (table.txt) do echo %%b-%%a
for %%f in (*.txt) do echo file %%~nf %%~xf
call :sub first "second arg"
echo back errorlevel %errorlevel%
goto past
echo never
:past
echo one>out.txt
echo two>>out.txt
type out.txt
sort <out.txt >sorted.txt 2>nul
type nosuch 2>nul || echo failed as it should
type out.txt | find "two" && echo found
(echo grouped
echo lines) > group.txt
type group.txt
copy out.txt copy.txt >nul
ren copy.txt renamed.txt
if exist renamed.txt echo renamed
del renamed.txt
md sub
cd sub
cd ..
rd sub
if not exist sub echo removed
setlocal
set A=local
endlocal
echo after endlocal %A%
setlocal enabledelayedexpansion
set C=0
for %%i in (1 2 3) do set /a C=!C!+%%i
echo sum !C!
endlocal
echo a^&b ^| c ^> d
echo 100%% sure
cmd /c exit 3
echo child gave %errorlevel%
call other.bat x y
echo other gave %errorlevel%
pushd ..
popd
exit /b 7
:sub
echo sub %1 %~2
exit /b 5
